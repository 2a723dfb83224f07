import type { FeatureMap } from '../tuning/feature-map.js';
import type { Parameter, ParameterValue } from '../tuning/space.js';
import type { Replacement } from './text.js';

/** Files of one commit: repository path ('/'-separated) to bytes. */
export type ProjectFiles = ReadonlyMap<string, Uint8Array>;

/** What a literal in a script decides; `other` are optimizer and regularizer numbers such as momentum. */
export type HyperparameterKind =
  | 'filters'
  | 'kernel_size'
  | 'pool_size'
  | 'units'
  | 'dropout'
  | 'epochs'
  | 'batch_size'
  | 'steps_per_epoch'
  | 'learning_rate'
  | 'optimizer'
  | 'activation'
  | 'layers'
  | 'other';

/**
 * Where a value stands in a file: characters `from`..`to` of the decoded text (a byte order mark not counted),
 * which read `written`. `syntax` says how a new value is spelt there; `notebook` is Python inside a JSON string,
 * `argument` and `variable` are a word of the command line and an environment variable in `.pushtune.yml`.
 */
export interface LiteralPlace {
  readonly file: string;
  readonly from: number;
  readonly to: number;
  readonly written: string;
  readonly syntax: 'python' | 'notebook' | 'yaml' | 'json' | 'argument' | 'variable';
  /** For `argument` and `variable`. */
  readonly passed?: PassedPlace;
}

/** Which word of the command line a place in `.pushtune.yml` is. */
export interface PassedPlace {
  /** 0-based place among the arguments, for `argument`. */
  readonly index?: number;
  /** The variable's name, for `variable`. */
  readonly variable?: string;
  /**
   * All that Pushtune adds to the command line of `.pushtune.yml`; absent when the value stands in the file. It is
   * written with the first value of these that changes; until then `from` and `to` of the place mean nothing.
   */
  readonly added?: ScriptCommand;
}

/** What a script is given when it runs. */
export interface ScriptCommand {
  /** The words after the script on its command line. */
  readonly arguments: readonly string[];
  /** Environment variables by name. */
  readonly variables: Readonly<Record<string, string>>;
}

/** A stretch of a file: characters `from`..`to` of the decoded text, which read `written`. */
export interface BlockPlace {
  readonly from: number;
  readonly to: number;
  readonly written: string;
}

/** Blocks of layers in a script: how one is left out, and how a further one is written. */
export interface RepeatedBlocks {
  readonly file: string;
  /** What goes away with each block. */
  readonly blocks: readonly BlockPlace[];
  /** What is written once more for each further block, right behind itself. */
  readonly copy: BlockPlace;
  /** What stands before a copy. */
  readonly before: string;
  /** What is different in a copy, within `copy`. */
  readonly changes: readonly Replacement[];
}

export interface Hyperparameter {
  readonly name: string;
  readonly kind: HyperparameterKind;
  /** Where it is read; for a value that is passed the script, though the value itself stands in `.pushtune.yml`. */
  readonly file: string;
  /** 1-based line of the literal. */
  readonly line: number;
  /** 0-based character of the literal in its line. */
  readonly column: number;
  readonly value: ParameterValue;
  /** Name, type and range, as the search space wants them. */
  readonly parameter: Parameter;
  /** Every literal that has to say the same. */
  readonly places: readonly LiteralPlace[];
  /** Of kind `layers`: the blocks whose number it is; it has no literal. */
  readonly repeated?: RepeatedBlocks;
}

export interface InspectionWarning {
  readonly file?: string;
  readonly line?: number;
  readonly message: string;
}

export type MetricSource = 'configured' | 'keras-history' | 'metrics-file' | 'text-file' | 'log';

export interface InspectedMetric {
  readonly name: string;
  readonly source: MetricSource;
  /** The file that the script writes, for `metrics-file` and `text-file`. */
  readonly path?: string;
}

export type Framework = 'tensorflow' | 'sklearn' | 'torch' | 'none';

export interface Inspection {
  readonly main: string;
  /** Every script or notebook that could have been the main file, the chosen one included. */
  readonly candidates: readonly string[];
  readonly framework: Framework;
  /** Third-party top-level modules that the main script and its local modules import, sorted. */
  readonly imports: readonly string[];
  /** The same as PyPI packages, sorted. */
  readonly packages: readonly string[];
  /** Requirement lines of `requirements.txt` or `pyproject.toml`, which win over `packages`. */
  readonly requirements?: readonly string[];
  readonly environment: 'tensorflow' | 'sklearn' | 'torch';
  readonly hyperparameters: readonly Hyperparameter[];
  /** How far the networks shrink their images, which limits what can be proposed. */
  readonly featureMaps: readonly FeatureMap[];
  /** What the main script is run with: what `.pushtune.yml` says, and a value for each passed hyperparameter that it leaves out. */
  readonly command: ScriptCommand;
  readonly metric: InspectedMetric;
  readonly warnings: readonly InspectionWarning[];
}

/** `hyperparameters:` of `.pushtune.yml`: by name (or by kind, for all of that kind), `off` or a narrowed range. */
export type HyperparameterOverride =
  | 'off'
  | {
      readonly type?: 'float' | 'int' | 'categorical' | undefined;
      readonly low?: number | undefined;
      readonly high?: number | undefined;
      readonly step?: number | undefined;
      readonly log?: boolean | undefined;
      readonly choices?: readonly ParameterValue[] | undefined;
    };

export type HyperparameterOverrides = Readonly<Record<string, HyperparameterOverride>>;
