import type { ParameterValue } from '../tuning/space.js';
import type { HyperparameterKind } from './inspection.js';

/**
 * Where the search starts for a hyperparameter that the script takes from its command line and that nobody gave a value.
 * There is none for steps per epoch, which depend on the data, nor for the numbers of kind `other`.
 *
 * - 10 epochs: enough to tell trials apart, and the range around them (5 to 20) stays affordable.
 * - Batches of 32: the default of Keras' `fit`; Masters & Luschi 2018 found 2 to 32 best.
 * - A learning rate of 0.001: what Adam's authors propose (arXiv 1412.6980) and Keras' default of Adam and RMSprop.
 * - Dropout 0.5: best for hidden layers (Srivastava 2014).
 * - 32 filters of 3 × 3 and 128 units: the small CNNs of Keras' own examples; 3 × 3 after VGG (arXiv 1409.1556).
 * - Pooling by 2: what nearly every network does.
 * - `adam` and `relu`: the usual first choice, and the first that is tried otherwise too.
 */
const STARTING_VALUES: Readonly<Partial<Record<HyperparameterKind, number | string>>> = {
  epochs: 10,
  batch_size: 32,
  learning_rate: 0.001,
  dropout: 0.5,
  filters: 32,
  units: 128,
  kernel_size: 3,
  pool_size: 2,
  optimizer: 'adam',
  activation: 'relu',
};

/**
 * The value to start from, taken from `choices` where the script names them: the usual one if it is among them
 * (spelt as there), else their first of its type. Undefined when there is none for the kind, or in the choices.
 */
export function startingValue(
  kind: HyperparameterKind,
  choices: readonly ParameterValue[] | undefined,
): number | string | undefined {
  const usual = STARTING_VALUES[kind];
  if (usual === undefined || choices === undefined) {
    return usual;
  }
  const fitting = choices.filter((choice) => typeof choice === 'number' || typeof choice === 'string');
  const isUsual = (choice: number | string): boolean => String(choice).toLowerCase() === String(usual).toLowerCase();
  return fitting.find(isUsual) ?? fitting.find((choice) => typeof choice === typeof usual);
}
