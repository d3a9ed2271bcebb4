/// <reference lib="esnext.disposable" preserve="true" />
import { OptionError, UserError } from '../base/errors.ts';
import { assertTensor } from '../base/options.ts';
import {
  formatType,
  isTensorType,
  type Shape,
  sizeOf,
  type Tensor,
  type Tensors,
  type TensorType,
  zeros,
} from '../base/tensor.ts';
import { constant, encode, input, type Value } from '../graph/index.ts';
import {
  applyModel,
  backboneEndpoint,
  headPattern,
  type NamedArchitecture,
  type Preprocessing,
  penultimate,
} from '../models/index.ts';
import {
  crossEntropyLoss,
  type Forward,
  globalAveragePool,
  initialise,
  type Loss,
  normalisePixels,
  Scope,
  type Variable,
} from '../nn/index.ts';
import { softmax } from '../ops/index.ts';
import type { Program, Runtime } from '../runtime/index.ts';
import { writeSafetensors } from '../weights/safetensors.ts';
import { openEvaluator } from './evaluation.ts';
import type { Evaluation } from './events.ts';
import { type Examples, type FitData, openExamples } from './examples.ts';
import { type Metric, metricsIn } from './metrics.ts';
import { atTemperature, imageNetwork, tableOf } from './network.ts';
import { type ParameterTable, selected } from './selection.ts';
import { firstRows, rowsFrom, setRow } from './source.ts';
import { feedNames, type Network, traceOf } from './step.ts';

export interface CreateModelOptions {
  /** The type of one input, without the batch axis. */
  readonly input: TensorType;
  readonly runtime: Runtime;
  /** The seed of the initial values. Default 0. */
  readonly seed?: number;
  /** Values to begin with, by name, where they are not drawn. */
  readonly weights?: Tensors;
  /** The path of the layer that `head` means in patterns: `fc`. Default: the layer of the last parameter. */
  readonly head?: string;
}

/** The part of an image model besides its network. */
export interface ImageModel {
  readonly architecture: NamedArchitecture;
  readonly preprocessing: Preprocessing;
  /** The names of its outputs; none where it gives features. */
  readonly classes: readonly string[];
  /**
   * The temperature that its logits are divided by for probabilities (`fitTemperature`), as long as its numbers are those
   * that it begins with. Default 1.
   */
  readonly temperature?: number | undefined;
}

export interface ImageModelOptions extends ImageModel {
  readonly runtime: Runtime;
  /** The seed of variables that the weights lack: a new head. Default 0. */
  readonly seed?: number;
  readonly weights?: Tensors;
}

/** A parameter of a model. */
export interface ModelParameter {
  readonly name: string;
  readonly shape: Shape;
  /** Its numbers. */
  readonly size: number;
  /** Whether `fit` trains it. */
  readonly isTrainable: boolean;
}

export interface EvaluateOptions<M extends string = 'accuracy'> {
  /** Default: `crossEntropyLoss()`. */
  readonly loss?: Loss;
  /** Default: `[accuracy()]`. */
  readonly metrics?: readonly Metric<M>[];
  /** Default: as many as `predict` takes at once: 16, or fewer where their values are large. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
}

/** The parts of a model. */
export interface ModelParts {
  readonly network: Network;
  readonly runtime: Runtime;
  readonly variables: Tensors;
  /** Whether a parameter belongs to the head. */
  readonly head: (parameter: string) => boolean;
  /** From inputs to the input of the last layer; null where the endpoint `backbone` gives it. */
  readonly features: Forward | null;
  readonly image: ImageModel | null;
}

/**
 * A network with its numbers: what `fit` trains, and what predicts, evaluates and is saved. The numbers are live:
 * training changes them, and whatever is asked next is answered with them.
 *
 * @example
 * const model = createModel((s, x) => linear(s.at('fc'), x, { features: 3 }), { input: { dtype: 'f32', shape: [4] }, runtime });
 */
export class Model implements AsyncDisposable {
  readonly network: Network;
  readonly runtime: Runtime;
  /** The names that patterns refer to: the parameters, their blocks and the head. */
  readonly table: ParameterTable;
  /** The architecture, preprocessing and class names of an image model; null for others. */
  readonly image: ImageModel | null;
  readonly #declared: ReadonlyMap<string, Variable>;
  readonly #features: Forward | null;
  readonly #programs = new Map<string, Promise<Program>>();
  #frozen: ReadonlySet<string> = new Set();
  #variables: Tensors;
  #temperature = 1;

  /** `createModel` and, for networks of the zoo, `imageModel` have the parts. */
  constructor({ network, runtime, variables, head, features, image }: ModelParts) {
    const trace = traceOf(network);
    this.network = network;
    this.runtime = runtime;
    this.image = image;
    this.table = tableOf(trace, head);
    this.#declared = trace.variables;
    this.#features = features;
    this.#variables = {};
    this.load(variables);
    this.#temperature = image?.temperature ?? 1;
  }

  /** Every parameter and buffer by name, as it is now. Not to be written into: `load` replaces them. */
  get variables(): Tensors {
    return this.#variables;
  }

  /** The temperature that exported logits are divided by: 1 unless its numbers are as they were when it was calibrated. */
  get temperature(): number {
    return this.#temperature;
  }

  /** The names of the outputs of an image model; of others, none. */
  get classes(): readonly string[] {
    return this.image?.classes ?? [];
  }

  /**
   * Replaces values by name; those that are not given stay as they are.
   * @throws UserError where there is no such variable, or it has another type
   */
  load(values: Tensors): void {
    for (const [name, value] of Object.entries(values)) {
      const declared = this.#declared.get(name);
      if (!declared) throw new UserError(`load: the model has no parameter or buffer ${name}.`);
      if (formatType(declared) === formatType(value)) continue;
      throw new UserError(`load: ${name} is ${formatType(declared)} in the model, ${formatType(value)} was given.`);
    }
    this.#variables = { ...this.#variables, ...values };
    this.#temperature = 1; // it was fitted to other numbers
  }

  /**
   * Freezes parameters: `fit` leaves them, and the statistics of their batch norms, as they are. Without patterns all
   * are frozen.
   *
   * @param patterns `all`, `head`, blocks (`layer4`), dotted beginnings of names (`layer4.0`) or globs (`*.bn?.weight`)
   * @throws OptionError where a pattern means no parameter
   */
  freeze(...patterns: readonly string[]): this {
    this.#frozen = new Set([...this.#frozen, ...this.#meant('freeze', patterns)]);
    return this;
  }

  /** Lets parameters be trained again; without patterns all. @throws OptionError where a pattern means no parameter */
  unfreeze(...patterns: readonly string[]): this {
    const thawed = this.#meant('unfreeze', patterns);
    this.#frozen = new Set([...this.#frozen].filter((name) => !thawed.has(name)));
    return this;
  }

  #meant(option: string, patterns: readonly string[]): ReadonlySet<string> {
    const chosen = patterns.length === 0 ? ['all'] : patterns;
    return new Set(chosen.flatMap((pattern) => [...selected(option, pattern, this.table)]));
  }

  /** Told by `fit` of what it trains on and is judged by, before it begins. */
  trainedOn(_data: FitData): void {}

  /** The names of the parameters that are not frozen, from input to head. */
  get trainable(): ReadonlySet<string> {
    return new Set([...this.table.parameters.keys()].filter((name) => !this.#frozen.has(name)));
  }

  /** All parameters, from input to head. */
  parameters(): ModelParameter[] {
    return [...this.table.parameters].map(([name, shape]) => ({
      name,
      shape,
      size: sizeOf(shape),
      isTrainable: !this.#frozen.has(name),
    }));
  }

  /** The network's outputs (n, …) for inputs (n, …) of any n: of a classifier, logits (n, classes). */
  predict(inputs: Tensor): Promise<Tensor> {
    return this.#compute('outputs', inputs, this.network.forward);
  }

  /**
   * The input of the last layer for inputs (n, …): (n, f). In a network of one's own, the value of its endpoint
   * `backbone`, averaged over the image where it is (n, c, h, w). @throws UserError where the network has no such endpoint
   */
  features(inputs: Tensor): Promise<Tensor> {
    return this.#compute('features', inputs, this.#features ?? this.#backbone);
  }

  readonly #backbone: Forward = (s, x) => {
    const trace = s.endpoints;
    this.network.forward(s, x);
    const value = trace.get(backboneEndpoint);
    if (!value)
      throw new UserError("features: the network has no endpoint 'backbone'. s.endpoint('backbone', value) makes one.");
    return value.shape.length === 4 ? globalAveragePool(value) : value;
  };

  async #compute(name: string, inputs: Tensor, forward: Forward): Promise<Tensor> {
    assertTensor('inputs', inputs);
    const count = inputs.shape[0] ?? 0;
    const { dtype, shape } = this.network.input;
    const expected = formatType({ dtype, shape: [count, ...shape] });
    if (count === 0 || formatType(inputs) !== expected) {
      const expects = `inputs ${formatType({ dtype, shape })} in a batch (n, …)`;
      throw new OptionError({ option: 'inputs', expected: expects, received: formatType(inputs) });
    }
    const graph = this.#graph(forward);
    const size = this.runtime.rowsAtOnce(count, graph);
    const program = await this.#program(name, size, graph);
    const [type] = program.outputs.values();
    const all = zeros(type!.dtype, [count, ...type!.shape.slice(1)]);
    const batch = zeros(dtype, [size, ...shape]);
    for (let start = 0; start < count; start += size) {
      const rows = Math.min(size, count - start);
      setRow(batch, 0, rowsFrom(inputs, start, rows).data);
      const results = await program.run({ ...this.#variables, [feedNames.input]: batch });
      setRow(all, start, firstRows(results[name]!, rows).data);
    }
    return all;
  }

  #program(name: string, size: number, graph: (rows: number) => Value): Promise<Program> {
    const key = `${name} ${size}`;
    let program = this.#programs.get(key);
    if (!program) {
      program = this.runtime.compile({ [name]: graph(size) });
      this.#programs.set(key, program);
    }
    return program;
  }

  /** What the network makes of so many rows; its variables are inputs. */
  #graph(forward: Forward): (rows: number) => Value {
    const { dtype, shape } = this.network.input;
    return (rows) => {
      const { scope } = Scope.root({ training: false });
      return forward(scope, input(feedNames.input, dtype, [rows, ...shape]));
    };
  }

  /**
   * Mean loss and metrics over examples, as evaluation sees them: without augmentation, with running statistics.
   *
   * @throws the signal's reason
   * @example const { accuracy } = await model.evaluate(images.validation);
   */
  async evaluate<M extends string = 'accuracy'>(
    examples: Examples,
    options: EvaluateOptions<M> = {},
  ): Promise<Evaluation<M>> {
    const { loss = crossEntropyLoss(), signal } = options;
    const source = openExamples('examples', examples, this);
    if (source.size === 0) throw new OptionError({ option: 'examples', expected: 'at least one', received: 0 });
    const most = options.batchSize ?? this.runtime.rowsAtOnce(source.size, this.#graph(this.network.forward));
    const settings = {
      batchSize: Math.min(most, source.size),
      loss,
      target: source.target,
      metrics: metricsIn(options),
    };
    const evaluator = await openEvaluator(this.network, settings, this.runtime);
    try {
      const result = await evaluator.evaluate(this.#variables, source, signal);
      if (result === null) throw signal!.reason;
      return result;
    } finally {
      await evaluator.release();
    }
  }

  /** All variables as a safetensors file, under their names. */
  toSafetensors(metadata: Readonly<Record<string, string>> = {}): Uint8Array {
    return writeSafetensors(this.#variables, metadata);
  }

  /**
   * The network as an ONNX file of standard operators, with its numbers as they are now. Of images: `pixels` u8 (n, 3,
   * crop, crop), resized and cropped but not normalised, to `logits` and `probabilities` (n, classes), or without
   * classes to `features` (n, f). Of a network of one's own: `input` to `output`.
   */
  toOnnx(
    options: { readonly batchSize?: number; readonly metadata?: Readonly<Record<string, string>> } = {},
  ): Uint8Array {
    const { batchSize = 1, metadata = {} } = options;
    const { dtype, shape } = this.network.input;
    const variable = ({ name }: Variable) => constant(this.#variables[name]!, name);
    const { scope } = Scope.root({ training: false, variable });
    const output = this.network.forward(scope, input(this.image ? 'pixels' : 'input', dtype, [batchSize, ...shape]));
    return encode(this.#named(output), { metadata }).model;
  }

  /** The outputs of an exported network. */
  #named(output: Value): Record<string, Value> {
    if (!this.image) return { output };
    if (this.classes.length === 0) return { features: output };
    const logits = atTemperature(output, this.#temperature);
    return { logits, probabilities: softmax(logits) };
  }

  /** Frees what was compiled for predictions. Idempotent; a later prediction compiles anew. */
  async close(): Promise<void> {
    const programs = [...this.#programs.values()];
    this.#programs.clear();
    for (const program of programs) await (await program).release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * A model of a network of one's own, with first values for its variables.
 *
 * @throws OptionError where it is no network, or its input has no type; UserError where `weights` do not fit
 * @example
 * const mlp = (s: Scope, x: Value) => linear(s.at('out'), relu(linear(s.at('hidden'), x, { features: 16 })), { features: 1 });
 * const model = createModel(mlp, { input: { dtype: 'f32', shape: [8] }, runtime });
 */
export function createModel(network: Forward, options: CreateModelOptions): Model {
  return new Model(modelParts(network, options));
}

/** @throws OptionError for arguments that JavaScript may pass, and TypeScript would not */
function assertNetwork(forward: unknown, options: Partial<CreateModelOptions> | undefined): void {
  if (typeof forward !== 'function') {
    const expected = 'a function of a scope and a value, (s, x) => …, whose layers are those of `nn`';
    throw new OptionError({ option: 'network', expected, received: typeof forward });
  }
  if (isTensorType(options?.input)) return;
  const expected = "the type of one input, without the batch axis: { dtype: 'f32', shape: [3, 32, 32] }";
  throw new OptionError({ option: 'input', expected, received: options?.input });
}

/** The parts of a model of a network of one's own. */
export function modelParts(forward: Forward, options: CreateModelOptions): ModelParts {
  assertNetwork(forward, options);
  const { input: type, runtime, seed = 0, weights = {}, head } = options;
  const network: Network = { input: type, forward };
  const { variables } = traceOf(network);
  const last = [...variables.values()].findLast(({ kind }) => kind === 'parameter')?.name ?? '';
  const path = head ?? last.replace(/\.?[^.]*$/, '');
  const isHead = (name: string) => name === last || (path !== '' && name.startsWith(`${path}.`));
  const initial = { ...initialise(variables.values(), seed), ...weights };
  return { network, runtime, variables: initial, head: isHead, features: null, image: null };
}

/** The parts of a model of the zoo for images of these classes; without any it gives features (n, f). */
export function imageModelParts({ runtime, seed = 0, weights = {}, ...image }: ImageModelOptions): ModelParts {
  const { architecture, preprocessing, classes } = image;
  const network = imageNetwork(architecture, preprocessing, classes.length);
  const { variables } = traceOf(network);
  const pattern = headPattern(architecture);
  return {
    network,
    runtime,
    variables: { ...initialise(variables.values(), seed), ...weights },
    head: (name) => pattern.test(name),
    features(s, pixels) {
      const x = normalisePixels(pixels, preprocessing);
      return classes.length === 0 ? applyModel(architecture, s, x, { numClasses: 0 }) : penultimate(architecture, s, x);
    },
    image,
  };
}

/** A model of the zoo, with weights that are there or random ones. */
export function imageModel(options: ImageModelOptions): Model {
  return new Model(imageModelParts(options));
}
