import { OptionError, ShapeError, UserError } from '../base/errors.ts';
import { formatType, type Tensor, type Tensors, zeros } from '../base/tensor.ts';
import { type BatchNormPolicy, crossEntropyLoss, drawNoise, type Loss, type Noise } from '../nn/index.ts';
import {
  type ClipOptions,
  clipGradients,
  type LearningRates,
  type Optimizer,
  scalarFeeds,
  usualLearningRate,
} from '../optim/index.ts';
import { copy, type Program, type Runtime, State, scalar } from '../runtime/index.ts';
import { number, openEvaluator } from './evaluation.ts';
import type { Evaluation } from './events.ts';
import { batchNormOf } from './image-stage.ts';
import type { Metric } from './metrics.ts';
import { type ParameterTable, selected } from './selection.ts';
import { type Batch, feedsOf, type Source, typeOfRow } from './source.ts';
import {
  averageDecay,
  averageName,
  gatheredShare,
  gatheringStep,
  type Network,
  resultNames,
  type StepSetting,
  slotName,
  sumName,
  type TrainingStepOptions,
  trainingStep,
} from './step.ts';

/** What a trainer needs of a model: a network, its weights, and which of them are trained. */
export interface TrainableModel {
  readonly network: Network;
  readonly runtime: Runtime;
  /** The values of all parameters and buffers, by name. */
  readonly variables: Tensors;
  /** The names of the parameters that are not frozen, as `freeze` and `unfreeze` leave them. */
  readonly trainable: ReadonlySet<string>;
  /** What patterns over the parameters are about. */
  readonly table: ParameterTable;
  /** Takes over new values, without a copy. */
  load(variables: Tensors): void;
}

export interface TrainerOptions {
  readonly optimizer: Optimizer;
  /** Default: `crossEntropyLoss()`. */
  readonly loss?: Loss | undefined;
  /** Limits on the gradients, all together or by element. Default: none. */
  readonly clip?: ClipOptions | undefined;
  /** Decay of a moving average of the weights, 0.999 say (EMA). It begins fast: min(decay, (1 + step) / (10 + step)). Default: none. */
  readonly average?: number | undefined;
  /** Batch norm in the layers that are trained; in frozen ones it keeps its statistics. Default `running`. */
  readonly batchNorm?: BatchNormPolicy | undefined;
  /** Decides the masks of dropout. Default 0. */
  readonly seed?: number | undefined;
}

/** What a batch came to. */
export interface StepResult {
  /** The batch's mean loss, before the step. */
  readonly loss: number;
  /** Of the network in training mode (n, …), before the step. */
  readonly outputs: Tensor;
}

/** All that a trainer keeps, for a checkpoint. `tensors` goes into a safetensors file, the rest is JSON. */
export interface TrainerState {
  /** Parameters, buffers, what the optimizer keeps, moving averages. */
  readonly tensors: Tensors;
  /** Steps taken. */
  readonly steps: number;
  /** Batches seen: one for every step, and one for every `gather`. */
  readonly batches: number;
  /** Steps in which each parameter was trained. */
  readonly counts: Readonly<Record<string, number>>;
}

export interface TrainerEvaluationOptions<M extends string> {
  readonly batchSize: number;
  /** Default: the loss alone. */
  readonly metrics?: readonly Metric<M>[];
  /** Whether the moving averages are evaluated. Default: where there are any. */
  readonly average?: boolean;
  readonly signal?: AbortSignal;
}

/** The learning rates of a step: of what no pattern means, and by pattern. */
interface RatesInUse {
  readonly learningRate: number;
  readonly rates: Readonly<Record<string, number>>;
}

/** A compiled step. */
interface Compiled {
  readonly program: Program;
  readonly noise: readonly Noise[];
}

/** Parameters that share their learning rate and their count of steps. */
interface Group {
  readonly name: string;
  /** The pattern of `rates` that gives their learning rate; null: none does. */
  readonly pattern: string | null;
  readonly parameters: readonly string[];
}

/**
 * Training step by step, for a loop of one's own. It holds the weights and what the optimizer keeps, takes batches of any size and
 * compiles what it meets for the first time: a step, a size of batch, another set of frozen parameters, other groups of learning rates.
 * What the optimizer keeps for a parameter stays while that is frozen, as in PyTorch.
 */
export class Trainer implements AsyncDisposable {
  readonly #model: TrainableModel;
  readonly #options: TrainerOptions;
  readonly #loss: Loss;
  #state: State;
  #steps = 0;
  #batches = 0;
  /** Batches whose gradients wait for the step. */
  #gathered = 0;
  readonly #counts = new Map<string, number>();
  /** The set that the programs train, and the programs by what else they depend on. */
  #trained: readonly string[] = [];
  readonly #programs = new Map<string, Compiled>();
  #isBusy = false;

  constructor(model: TrainableModel, options: TrainerOptions) {
    this.#model = model;
    this.#options = options;
    this.#loss = options.loss ?? crossEntropyLoss();
    this.#state = new State(model.variables);
    this.#addAverages();
    this.#handOver();
  }

  /** Steps taken. */
  get steps(): number {
    return this.#steps;
  }

  /**
   * One step: forward, backward and the optimizer, on this batch and on those that were gathered for it. The gradient is the mean over
   * the batches. Nothing is checked of the loss: where it is not a number, the weights are lost, and `load` goes back to others.
   *
   * @param learningRates default: the optimizer's. `learningRate` alone takes the rates of its groups along, in proportion; `rates` are
   *   those of this step, by pattern. Other numbers compile nothing anew, other
   *   patterns do.
   * @throws UserError where everything is frozen
   * @throws OptionError where a pattern means no parameter
   * @throws ShapeError where the batch does not fit the network
   * @example
   * for await (const batch of images.train.batches({ batchSize: 32, order, lastBatch: 'drop', epoch })) {
   *   const { loss } = await trainer.step(batch, { learningRate: 1e-4, rates: { head: 1e-3 } });
   * }
   */
  async step(batch: Batch, learningRates: LearningRates = {}): Promise<StepResult> {
    return this.#exclusively('step', async () => {
      await this.#followModel();
      const { optimizer } = this.#options;
      const rates = ratesOf(optimizer, learningRates);
      const patterns = Object.keys(rates.rates);
      const groups = this.#groupsOf(patterns);
      const { program, noise } = await this.#stepProgram(batch, patterns, groups);
      const results = await this.#state.step(program, {
        ...feedsOf(batch),
        ...drawNoise(noise, this.#seed, this.#batches),
        ...this.#scalars(groups, rates),
      });
      for (const name of this.#trained) this.#counts.set(name, this.#countOf(name) + 1);
      this.#steps++;
      this.#batches++;
      this.#gathered = 0;
      this.#handOver();
      return resultOf(results);
    });
  }

  /**
   * Forward and backward on a batch, the gradient of which waits for the next `step`. Batch norm takes it into its running statistics.
   *
   * @example for (const batch of batches.slice(0, -1)) await trainer.gather(batch);
   */
  async gather(batch: Batch): Promise<StepResult> {
    return this.#exclusively('gather', async () => {
      await this.#followModel();
      this.#extendState(this.#trained.map((name) => [sumName(name), name]));
      const key = `gather ${keyOf(batch)}`;
      const { program, noise } = await this.#compiled(key, () =>
        gatheringStep(this.#model.network, this.#stepOptions(batch, [])),
      );
      const results = await this.#state.step(program, {
        ...feedsOf(batch),
        ...drawNoise(noise, this.#seed, this.#batches),
      });
      this.#batches++;
      this.#gathered++;
      this.#handOver();
      return resultOf(results);
    });
  }

  /** Mean loss and metrics over a source, in evaluation mode. Null where the signal came first. */
  async evaluate<M extends string = never>(
    data: Source,
    { batchSize, metrics = [], average = this.#options.average !== undefined, signal }: TrainerEvaluationOptions<M>,
  ): Promise<Evaluation<M> | null> {
    return this.#exclusively('evaluate', async () => {
      const options = { batchSize, metrics, loss: this.#loss, target: data.target };
      const evaluator = await openEvaluator(this.#model.network, options, this.#model.runtime);
      try {
        return await evaluator.evaluate(average ? this.averages() : this.#state.current, data, signal);
      } finally {
        await evaluator.release();
      }
    });
  }

  /** The values of all parameters and buffers with their moving averages in place of those that have one; a copy. */
  averages(): Record<string, Tensor> {
    const { current } = this.#state;
    const names = Object.keys(this.#model.variables);
    return Object.fromEntries(names.map((name) => [name, copy(current[averageName(name)] ?? current[name]!)]));
  }

  /** All that is kept, copied: for a checkpoint. @throws Error between `gather` and `step` */
  state(): TrainerState {
    if (this.#gathered > 0) throw new Error('state: gradients wait for their step. Take it first.');
    const isSum = new Set([...this.#model.table.parameters.keys()].map(sumName));
    const kept = Object.entries(this.#state.current).filter(([name]) => !isSum.has(name));
    return {
      tensors: Object.fromEntries(kept.map(([name, value]) => [name, copy(value)])),
      steps: this.#steps,
      batches: this.#batches,
      counts: Object.fromEntries(this.#counts),
    };
  }

  /** Goes on from a checkpoint, bit for bit, under the same options. @throws UserError where it is of another network */
  async load({ tensors, steps, batches, counts }: TrainerState): Promise<void> {
    for (const [name, value] of Object.entries(this.#model.variables)) {
      const saved = tensors[name];
      if (saved && formatType(saved) === formatType(value)) continue;
      const found = saved ? formatType(saved) : 'absent';
      throw new UserError(`load: ${name} is ${formatType(value)} in the model, ${found} in the checkpoint.`);
    }
    this.#state = new State(tensors);
    this.#addAverages();
    this.#steps = steps;
    this.#batches = batches;
    this.#gathered = 0;
    this.#counts.clear();
    for (const [name, count] of Object.entries(counts)) this.#counts.set(name, count);
    // The programs go by which parameters have had the same number of steps.
    this.#trained = [];
    await this[Symbol.asyncDispose]();
    this.#handOver();
  }

  /** Frees the programs. The model has the weights. */
  async [Symbol.asyncDispose](): Promise<void> {
    const programs = [...this.#programs.values()];
    this.#programs.clear();
    for (const { program } of programs) await program.release();
  }

  get #seed(): number {
    return this.#options.seed ?? 0;
  }

  #countOf(parameter: string): number {
    return this.#counts.get(parameter) ?? 0;
  }

  /** One call at a time: a step reads what the one before it has written. */
  async #exclusively<T>(caller: string, action: () => Promise<T>): Promise<T> {
    if (this.#isBusy) throw new Error(`${caller}: the call before is not finished. Await it.`);
    this.#isBusy = true;
    try {
      return await action();
    } finally {
      this.#isBusy = false;
    }
  }

  /** Takes up what was frozen, unfrozen and loaded since the last call. */
  async #followModel(): Promise<void> {
    const { table, trainable, variables } = this.#model;
    const { current } = this.#state;
    if (Object.entries(variables).some(([name, value]) => value !== current[name])) {
      this.#state = new State({ ...current, ...variables });
      this.#handOver();
    }
    const trained = [...table.parameters.keys()].filter((name) => trainable.has(name));
    if (trained.length === 0)
      throw new UserError('step: every parameter is frozen. Unfreeze some: model.unfreeze("head").');
    if (trained.join() === this.#trained.join()) return;
    if (this.#gathered > 0) throw new UserError('step: freeze and unfreeze after a step, not between gather and step.');
    await this[Symbol.asyncDispose]();
    this.#trained = trained;
    this.#extendState(
      trained.flatMap((name) => this.#options.optimizer.slots.map((slot) => [slotName(slot, name), name])),
    );
  }

  /** Adds zeros of a parameter's shape to the state, under names that it does not have. */
  #extendState(entries: readonly (readonly string[])[]): void {
    const { current } = this.#state;
    const missing = entries.filter(([name]) => !(name! in current));
    if (missing.length === 0) return;
    const added = missing.map(([name, parameter]) => [name!, zeros('f32', current[parameter!]!.shape)] as const);
    this.#state = new State({ ...current, ...Object.fromEntries(added) });
    this.#handOver();
  }

  #addAverages(): void {
    if (this.#options.average === undefined) return;
    const { current } = this.#state;
    const own = Object.keys(this.#model.variables).filter(
      (name) => current[name]!.dtype === 'f32' && !(averageName(name) in current),
    );
    this.#state = new State({
      ...current,
      ...Object.fromEntries(own.map((name) => [averageName(name), current[name]!])),
    });
  }

  /** The trained parameters by the pattern that gives their learning rate and by the steps that they have had. */
  #groupsOf(patterns: readonly string[]): readonly Group[] {
    const groups = new Map<string, { pattern: string | null; parameters: string[] }>();
    const meant = patterns.map((pattern) => selected('rates', pattern, this.#model.table));
    for (const name of this.#trained) {
      const index = meant.findIndex((names) => names.has(name));
      const key = `${index}/${this.#countOf(name)}`;
      const group = groups.get(key) ?? { pattern: patterns[index] ?? null, parameters: [] };
      group.parameters.push(name);
      groups.set(key, group);
    }
    return [...groups.values()].map((group, i) => ({ ...group, name: i === 0 ? '' : String(i) }));
  }

  async #stepProgram(batch: Batch, patterns: readonly string[], groups: readonly Group[]): Promise<Compiled> {
    const accumulate = this.#gathered > 0 ? 'fed' : 1;
    const key = `step ${accumulate} ${keyOf(batch)} ${JSON.stringify(patterns)}`;
    const options: TrainingStepOptions = { ...this.#stepOptions(batch, groups), accumulate };
    return this.#compiled(key, () => trainingStep(this.#model.network, options));
  }

  async #compiled(key: string, make: () => ReturnType<typeof trainingStep>): Promise<Compiled> {
    let compiled = this.#programs.get(key);
    if (!compiled) {
      const { outputs, noise } = make();
      compiled = { program: await this.#model.runtime.compile(outputs), noise };
      this.#programs.set(key, compiled);
    }
    return compiled;
  }

  #stepOptions(batch: Batch, groups: readonly Group[]): TrainingStepOptions {
    const { network } = this.#model;
    const { optimizer, clip, average, batchNorm = 'running' } = this.#options;
    const batchSize = batchSizeOf(network, batch);
    const settings = new Map<string, StepSetting>(this.#trained.map((name) => [name, { rate: 1 }]));
    for (const { name: group, parameters } of groups)
      for (const name of parameters) settings.set(name, { rate: 1, group });
    return {
      batchSize,
      optimizer,
      settings,
      batchNorm: batchNormOf(settings, batchNorm),
      loss: this.#loss,
      target: typeOfRow(batch.targets),
      clip: clip && ((gradients) => clipGradients(gradients, clip)),
      mixes: batch.mix !== undefined,
      average: average !== undefined,
    };
  }

  #scalars(groups: readonly Group[], { learningRate, rates }: RatesInUse): Tensors {
    const { optimizer, average } = this.#options;
    const feeds: Record<string, Tensor> = {};
    for (const { name: group, pattern, parameters } of groups) {
      const rate = pattern === null ? learningRate : rates[pattern]!;
      Object.assign(feeds, scalarFeeds(optimizer, { learningRate: rate, step: this.#countOf(parameters[0]!), group }));
    }
    if (this.#gathered > 0) feeds[gatheredShare] = scalar(1 / (this.#gathered + 1));
    if (average !== undefined) feeds[averageDecay] = scalar(Math.min(average, (1 + this.#steps) / (10 + this.#steps)));
    return feeds;
  }

  #handOver(): void {
    const { current } = this.#state;
    const names = Object.keys(this.#model.variables);
    this.#model.load(Object.fromEntries(names.map((name) => [name, current[name]!])));
  }
}

/**
 * A trainer for a loop of one's own.
 *
 * @example
 * await using trainer = createTrainer(model, { optimizer: sgd(), clip: { norm: 1 } });
 * for (let step = 0; step < 100; step++) {
 *   const { loss } = await trainer.step(batch(step), { learningRate: 0.1 * (1 - step / 100) });
 *   if (step === 50) model.unfreeze('layer4');
 * }
 */
export function createTrainer(model: TrainableModel, options: TrainerOptions): Trainer {
  return new Trainer(model, options);
}

/** The learning rates of a step. */
function ratesOf(optimizer: Optimizer, { learningRate, rates }: LearningRates): RatesInUse {
  const usual = optimizer.learningRate ?? usualLearningRate(optimizer.name);
  const base = learningRate ?? usual;
  if (base === undefined) {
    throw new OptionError({
      option: 'learningRate',
      expected: `a number, since ${optimizer.name} has none of its own`,
      received: base,
    });
  }
  const factor = usual ? base / usual : 1;
  const scaled = Object.entries(optimizer.rates ?? {}).map(([pattern, rate]) => [pattern, rate * factor] as const);
  return { learningRate: base, rates: rates ?? Object.fromEntries(scaled) };
}

function resultOf(results: Tensors): StepResult {
  return { loss: number(results[resultNames.loss]), outputs: results[resultNames.outputs]! };
}

/** What a compiled step depends on of a batch. */
function keyOf({ inputs, targets, mix }: Batch): string {
  return `${formatType(inputs)} ${formatType(targets)}${mix ? ' mixed' : ''}`;
}

/** How many examples there are in a batch. @throws ShapeError, @throws UserError */
function batchSizeOf({ input }: Network, { inputs, targets, weights }: Batch): number {
  const [batchSize] = inputs.shape;
  if (batchSize === undefined || formatType(typeOfRow(inputs)) !== formatType(input)) {
    throw new ShapeError({
      op: 'step',
      expected: `inputs ${formatType({ ...input, shape: [batchSize ?? 1, ...input.shape] })}`,
      received: formatType(inputs),
    });
  }
  if (targets.shape[0] !== batchSize) {
    throw new ShapeError({ op: 'step', expected: `${batchSize} targets`, received: formatType(targets) });
  }
  if (weights?.data.some((weight) => weight !== 1)) {
    throw new UserError("step: the batch is filled up. Ask the source for full ones: lastBatch: 'drop'.");
  }
  return batchSize;
}
