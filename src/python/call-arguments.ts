import type { HyperparameterKind } from './inspection.js';

/** Which argument of a call is which kind of hyperparameter. */
export interface TunableArgument {
  readonly kind: HyperparameterKind;
  readonly keywords: readonly string[];
  /** 0-based. */
  readonly position?: number;
  /** The name that a hyperparameter of kind `other` gets. */
  readonly name?: string;
}

const activation: TunableArgument = { kind: 'activation', keywords: ['activation'] };
const convolution: readonly TunableArgument[] = [
  { kind: 'filters', keywords: ['filters', 'nb_filter'], position: 0 },
  { kind: 'kernel_size', keywords: ['kernel_size'], position: 1 },
  activation,
];
const recurrent: readonly TunableArgument[] = [
  { kind: 'units', keywords: ['units', 'output_dim'], position: 0 },
  { ...activation, position: 1 },
  { kind: 'dropout', keywords: ['dropout', 'recurrent_dropout'] },
];
const pooling: readonly TunableArgument[] = [{ kind: 'pool_size', keywords: ['pool_size'], position: 0 }];
const dropout: readonly TunableArgument[] = [{ kind: 'dropout', keywords: ['rate', 'p'], position: 0 }];

/** Layers with weights, whose last one is a network's output. Signatures: Keras 3 API, and Keras 1 and 2 keywords. */
export const weightedLayers: ReadonlyMap<string, readonly TunableArgument[]> = new Map([
  [
    'Dense',
    [
      { kind: 'units', keywords: ['units', 'output_dim'], position: 0 },
      { ...activation, position: 1 },
    ],
  ],
  ...(['1D', '2D', '3D'].flatMap((size) => [
    [`Conv${size}`, convolution],
    [`Convolution${size}`, convolution],
    [`SeparableConv${size}`, convolution],
    [`SeparableConvolution${size}`, convolution],
    [`Conv${size}Transpose`, convolution],
    [`Convolution${size}Transpose`, convolution],
  ]) satisfies [string, readonly TunableArgument[]][]),
  ['DepthwiseConv2D', [{ kind: 'kernel_size', keywords: ['kernel_size'], position: 0 }, activation]],
  ...(['LSTM', 'GRU', 'SimpleRNN', 'CuDNNLSTM', 'CuDNNGRU'].map((name) => [name, recurrent]) satisfies [
    string,
    readonly TunableArgument[],
  ][]),
] as [string, readonly TunableArgument[]][]);

/** Layers without weights. */
export const plainLayers: ReadonlyMap<string, readonly TunableArgument[]> = new Map([
  ...(['1D', '2D', '3D'].flatMap((size) => [
    [`MaxPooling${size}`, pooling],
    [`MaxPool${size}`, pooling],
    [`AveragePooling${size}`, pooling],
    [`AvgPool${size}`, pooling],
    [`SpatialDropout${size}`, dropout],
  ]) satisfies [string, readonly TunableArgument[]][]),
  ['Dropout', dropout],
  ['AlphaDropout', dropout],
  ['Activation', [{ kind: 'activation', keywords: ['activation'], position: 0 }]],
] as [string, readonly TunableArgument[]][]);

const learningRate: TunableArgument = { kind: 'learning_rate', keywords: ['learning_rate', 'lr'], position: 0 };

/** Keras 2 lowered the learning rate by it at every step. */
const decay: TunableArgument = { kind: 'other', name: 'decay', keywords: ['decay'] };

/** Keras optimizers and the schedules that hold a first learning rate. */
export const optimizers: ReadonlyMap<string, readonly TunableArgument[]> = new Map<string, readonly TunableArgument[]>([
  ['SGD', [learningRate, decay, { kind: 'other', name: 'momentum', keywords: ['momentum'], position: 1 }]],
  ...['Adam', 'RMSprop', 'Adagrad', 'Adadelta', 'Adamax', 'Nadam', 'Ftrl', 'Lion', 'RectifiedAdam', 'RAdam'].map(
    (name): [string, readonly TunableArgument[]] => [name, [learningRate, decay]],
  ),
  ['AdamW', [learningRate, { kind: 'other', name: 'weight_decay', keywords: ['weight_decay'] }]],
  ...['ExponentialDecay', 'CosineDecay', 'CosineDecayRestarts', 'PolynomialDecay', 'InverseTimeDecay'].map(
    (name): [string, readonly TunableArgument[]] => [
      name,
      [{ kind: 'learning_rate', keywords: ['initial_learning_rate'], position: 0 }],
    ],
  ),
]);

/** PyTorch optimizers take the parameters first. */
export const torchOptimizer: readonly TunableArgument[] = [
  { kind: 'learning_rate', keywords: ['lr'], position: 1 },
  { kind: 'other', name: 'momentum', keywords: ['momentum'] },
  { kind: 'other', name: 'weight_decay', keywords: ['weight_decay'] },
];

const epochs: TunableArgument = { kind: 'epochs', keywords: ['epochs', 'nb_epoch', 'nb_epochs'] };
const batchSize: TunableArgument = { kind: 'batch_size', keywords: ['batch_size'] };
const stepsPerEpoch: TunableArgument = { kind: 'steps_per_epoch', keywords: ['steps_per_epoch'] };

/** Methods that train. Positions: `Model.fit(x, y, batch_size, epochs)`, `fit_generator(generator, steps, epochs)`. */
export const trainingMethods: ReadonlyMap<string, readonly TunableArgument[]> = new Map([
  ['fit', [{ ...batchSize, position: 2 }, { ...epochs, position: 3 }, stepsPerEpoch]],
  ['fit_generator', [{ ...stepsPerEpoch, position: 1 }, { ...epochs, position: 2 }, batchSize]],
]);

/** Wrappers that hand their keywords to `fit`. */
export const fitWrappers: ReadonlyMap<string, readonly TunableArgument[]> = new Map([
  ['KerasClassifier', [epochs, batchSize]],
  ['KerasRegressor', [epochs, batchSize]],
]);

export const compileArguments: readonly TunableArgument[] = [
  { kind: 'optimizer', keywords: ['optimizer'], position: 0 },
];

/** Calls that cut data into batches; whether they feed the training is decided where they are used. */
export const batchSources: ReadonlyMap<string, readonly TunableArgument[]> = new Map([
  ['flow', [{ ...batchSize, position: 2 }]],
  ['flow_from_directory', [{ ...batchSize, position: 5 }]],
  ['flow_from_dataframe', [batchSize]],
  ['image_dataset_from_directory', [batchSize]],
  ['text_dataset_from_directory', [batchSize]],
  ['audio_dataset_from_directory', [batchSize]],
  ['timeseries_dataset_from_array', [batchSize]],
  ['TimeseriesGenerator', [batchSize]],
  ['DataLoader', [{ ...batchSize, position: 1 }]],
  ['batch', [{ ...batchSize, position: 0 }]],
]);

export const regularizers: ReadonlyMap<string, readonly TunableArgument[]> = new Map([
  ['l2', [{ kind: 'other' as const, name: 'l2', keywords: ['l2', 'l'], position: 0 }]],
  ['l1', [{ kind: 'other' as const, name: 'l1', keywords: ['l1', 'l'], position: 0 }]],
  ['L2', [{ kind: 'other' as const, name: 'l2', keywords: ['l2'], position: 0 }]],
  ['L1', [{ kind: 'other' as const, name: 'l1', keywords: ['l1'], position: 0 }]],
]);

/** scikit-learn estimators, for repositories that use nothing else. */
export const estimators: ReadonlyMap<string, readonly TunableArgument[]> = new Map(
  [
    'RandomForestClassifier',
    'RandomForestRegressor',
    'ExtraTreesClassifier',
    'GradientBoostingClassifier',
    'GradientBoostingRegressor',
    'DecisionTreeClassifier',
    'SVC',
    'LinearSVC',
    'LogisticRegression',
    'KNeighborsClassifier',
    'MLPClassifier',
    'SGDClassifier',
    'AdaBoostClassifier',
    'AdaBoostRegressor',
    'BaggingClassifier',
    'HistGradientBoostingClassifier',
    'HistGradientBoostingRegressor',
    'ExtraTreesRegressor',
    'DecisionTreeRegressor',
    'KNeighborsRegressor',
    'MLPRegressor',
    'SVR',
    'LinearSVR',
    'Ridge',
    'RidgeClassifier',
    'Lasso',
    'ElasticNet',
    'Perceptron',
  ].map((name) => [
    name,
    [
      { kind: 'learning_rate' as const, keywords: ['learning_rate', 'learning_rate_init', 'eta0'] },
      ...[
        'n_estimators',
        'max_depth',
        'max_iter',
        'min_samples_split',
        'min_samples_leaf',
        'C',
        'n_neighbors',
        'alpha',
        'l1_ratio',
        'subsample',
      ].map((keyword) => ({ kind: 'other' as const, name: keyword, keywords: [keyword] })),
    ],
  ]),
);

/** Layers that bring several tensors of one shape together; what flows into them must not change its size. */
export const mergingLayers: readonly string[] = [
  'Add',
  'add',
  'Multiply',
  'multiply',
  'Average',
  'average',
  'Maximum',
  'maximum',
  'Subtract',
  'subtract',
  'Dot',
  'dot',
  'Concatenate',
  'concatenate',
  'merge',
];
