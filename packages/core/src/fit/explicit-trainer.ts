/// <reference lib="esnext.disposable" preserve="true" />
import { ShapeError, UserError } from '../base/errors.ts';
import { formatType, type Tensor, type Tensors, zeros } from '../base/tensor.ts';
import { type BatchNormPolicy, crossEntropyLoss, drawNoise, type Loss, type Noise } from '../nn/index.ts';
import {
  adamw,
  type Clipping,
  clipperOf,
  type GradientTransform,
  type LearningRates,
  type Optimizer,
  type ParameterSetting,
} from '../optim/index.ts';
import { copy, type Program, State, scalar } from '../runtime/index.ts';
import { number } from './evaluation.ts';
import type { Evaluation } from './events.ts';
import type { Examples } from './examples.ts';
import type { FitOptions } from './fit-options.ts';
import { assertOptimizer } from './fit-rates.ts';
import { trainingSource } from './fit-task.ts';
import { batchNormOf } from './image-stage.ts';
import type { EvaluateOptions, Model } from './model.ts';
import { orderOf } from './sampling.ts';
import { type Batch, feedsOf, typeOfRow } from './source.ts';
import {
  averageDecay,
  averageName,
  gatheredShare,
  gatheringStep,
  resultNames,
  type StepGraph,
  slotName,
  sumName,
  type TrainingStepOptions,
  trainingStep,
} from './step.ts';
import { groupedSettings, groupFeeds, relativeSettings, type StepGroup, stepGroups } from './step-groups.ts';

/** Options of a trainer: those of `fit` that are about a step. */
export interface TrainerOptions {
  /** The optimizer with its learning rates: `adamw({ rates: { head: 1e-3, layer4: 1e-4 } })`. Default: `adamw()`. */
  readonly optimizer?: Optimizer | undefined;
  /** Output and target to what is made small. Default: `crossEntropyLoss()`. */
  readonly loss?: Loss | undefined;
  /** Limits on the gradients, or what else is done to all of them together. Default: none. */
  readonly clip?: Clipping | GradientTransform | undefined;
  /**
   * The decay of moving averages of the weights, 0.999 say (EMA): a ← d·a + (1-d)·w, where d = min(decay, (1 + step) /
   * (10 + step)). Default: none.
   */
  readonly average?: number | undefined;
  /** The statistics of batch norms in layers that are trained; frozen ones keep theirs. Default `running`. */
  readonly batchNorm?: BatchNormPolicy | undefined;
  /** Whether weight decay applies to biases and the parameters of norms, too. Default false. */
  readonly normDecay?: boolean | undefined;
  /** Decides dropout. Default 0. */
  readonly seed?: number | undefined;
}

/** The result of a step on a batch. */
export interface StepResult {
  /** The batch's mean loss, before the step. */
  readonly loss: number;
  /** The network's outputs in training (n, …), before the step. */
  readonly outputs: Tensor;
}

/** The state of a trainer, for a checkpoint: the tensors are a safetensors file, the rest is JSON. */
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

export interface TrainerEvaluateOptions<M extends string = 'accuracy'> extends EvaluateOptions<M> {
  /** Whether the moving averages are evaluated. Default: where there are any. */
  readonly average?: boolean;
}

/** The options of `fit` that are about batches. */
export interface BatchesOptions extends Pick<FitOptions, 'batchSize' | 'sampling' | 'augment' | 'transform'> {
  /** From 1. It decides the order, the augmentation and what a transform draws. */
  readonly epoch: number;
}

/** A compiled step. */
interface Compiled {
  readonly program: Program;
  readonly noise: readonly Noise[];
}

/**
 * Training step by step, for a loop of one's own. It holds the weights and what the optimizer keeps, takes batches of
 * any size and compiles what it meets for the first time: a step, a size of batch, another set of frozen parameters,
 * other groups of learning rates. What the optimizer keeps for a parameter stays while that is frozen, as in PyTorch.
 */
export class Trainer implements AsyncDisposable {
  readonly #model: Model;
  readonly #options: TrainerOptions;
  readonly #optimizer: Optimizer;
  readonly #loss: Loss;
  readonly #settings: ReadonlyMap<string, ParameterSetting | null>;
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

  constructor(model: Model, options: TrainerOptions = {}) {
    this.#model = model;
    this.#options = options;
    this.#optimizer = options.optimizer ?? adamw();
    assertOptimizer(this.#optimizer);
    this.#loss = options.loss ?? crossEntropyLoss();
    this.#settings = relativeSettings(model.table, this.#optimizer, options.normDecay ?? false);
    this.#state = new State(model.variables);
    this.#addAverages();
    this.#handOver();
  }

  /** Steps taken. */
  get steps(): number {
    return this.#steps;
  }

  /**
   * The batches of an epoch, as `fit` has them under the same seed; a data loader in PyTorch's words. A last batch that
   * is not full is left out.
   *
   * @throws OptionError where the examples are images and the network does not say how it looks at them, and where
   * others are to be
   *   augmented
   * @example for await (const batch of trainer.batches(images.train, { epoch, batchSize: 32 })) await trainer.step(batch);
   */
  batches(examples: Examples, options: BatchesOptions): AsyncIterable<Batch> {
    const { epoch, sampling = 'shuffle' } = options;
    const source = trainingSource('examples', examples, this.#model, { ...options, seed: this.#seed });
    const order = orderOf(source, sampling, this.#seed)(epoch);
    const batchSize = Math.min(options.batchSize ?? 16, source.size);
    return source.batches({ batchSize, order, lastBatch: 'drop', epoch });
  }

  /**
   * One step: forward, backward and the optimizer, on this batch and on those that were gathered for it. The gradient
   * is the mean over the batches. Nothing is checked of the loss: where it is not a number, the weights are lost, and
   * `load` goes back to others.
   *
   * @param learningRates default: the optimizer's. `learningRate` alone takes the optimizer's `rates` along, in
   * proportion, as a
   *   schedule does; `rates` are of this step, by pattern. Other numbers compile nothing anew, other patterns do.
   * @throws UserError where everything is frozen
   * @throws OptionError where a pattern means no parameter
   * @throws ShapeError where the batch does not fit the network
   * @example
   * for await (const batch of trainer.batches(train, { epoch })) {
   *   const { loss } = await trainer.step(batch, { learningRate: 1e-4, rates: { head: 1e-3 } });
   * }
   */
  async step(batch: Batch, learningRates: LearningRates = {}): Promise<StepResult> {
    return this.#exclusively('step', async () => {
      await this.#followModel();
      const patterns = Object.keys(learningRates.rates ?? {});
      const groups = this.#groups(patterns);
      const options = this.#stepOptions(batch, groups);
      const key = `step ${options.accumulate} ${keyOf(batch)} ${JSON.stringify(patterns)}`;
      const compiled = await this.#compiled(key, () => trainingStep(this.#model.network, options));
      const feeds = { ...groupFeeds(groups, this.#optimizer, learningRates), ...this.#scalars() };
      const result = await this.#run(compiled, batch, feeds);
      for (const name of this.#trained) this.#counts.set(name, this.#countOf(name) + 1);
      this.#steps++;
      this.#gathered = 0;
      return result;
    });
  }

  /**
   * Forward and backward on a batch, the gradient of which waits for the next `step`. Batch norm takes it into its
   * running statistics.
   *
   * @example for (const batch of batches.slice(0, -1)) await trainer.gather(batch);
   */
  async gather(batch: Batch): Promise<StepResult> {
    return this.#exclusively('gather', async () => {
      await this.#followModel();
      this.#extendState(this.#trained.map((name) => [sumName(name), name]));
      const options: TrainingStepOptions = { ...this.#stepOptions(batch, this.#groups([])), accumulate: 1 };
      const compiled = await this.#compiled(`gather ${keyOf(batch)}`, () =>
        gatheringStep(this.#model.network, options),
      );
      const result = await this.#run(compiled, batch, {});
      this.#gathered++;
      return result;
    });
  }

  /**
   * Mean loss and metrics over examples, as `model.evaluate`, by the trainer's loss and on the moving averages.
   *
   * @throws the signal's reason
   * @example const { loss, accuracy } = await trainer.evaluate(validation);
   */
  async evaluate<M extends string = 'accuracy'>(
    examples: Examples,
    { average = true, ...options }: TrainerEvaluateOptions<M> = {},
  ): Promise<Evaluation<M>> {
    return this.#exclusively('evaluate', async () => {
      const own = this.#model.variables;
      if (average && this.#options.average !== undefined) this.#model.load(this.averages());
      try {
        return await this.#model.evaluate(examples, { loss: this.#loss, ...options });
      } finally {
        this.#model.load(own);
      }
    });
  }

  /** The values of all parameters and buffers with their moving averages in place of those that have one; a copy. */
  averages(): Record<string, Tensor> {
    const { current } = this.#state;
    const names = Object.keys(this.#model.variables);
    return Object.fromEntries(names.map((name) => [name, copy(current[averageName(name)] ?? current[name]!)]));
  }

  /**
   * All that is kept, copied: for a checkpoint.
   *
   * @throws Error during a step, and between `gather` and `step`
   * @example
   * const { tensors, ...counts } = trainer.state();
   * const file = writeSafetensors(tensors, { trainer: JSON.stringify(counts) });
   * // later
   * const { tensors, metadata } = readSafetensors(file);
   * await trainer.load({ tensors, ...JSON.parse(metadata.trainer) });
   */
  state(): TrainerState {
    this.#assertIdle('state');
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

  /**
   * Goes on from a checkpoint, bit for bit, under the same options. @throws UserError where it is of another network
   */
  async load({ tensors, steps, batches, counts }: TrainerState): Promise<void> {
    this.#assertIdle('load');
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
  #assertIdle(caller: string): void {
    if (this.#isBusy) throw new Error(`${caller}: the call before is not finished. Await it.`);
  }

  async #exclusively<T>(caller: string, action: () => Promise<T>): Promise<T> {
    this.#assertIdle(caller);
    this.#isBusy = true;
    try {
      return await action();
    } finally {
      this.#isBusy = false;
    }
  }

  /** Takes up what was frozen, unfrozen and loaded since the last call. */
  async #followModel(): Promise<void> {
    const { trainable, variables } = this.#model;
    const { current } = this.#state;
    if (Object.entries(variables).some(([name, value]) => value !== current[name])) {
      this.#state = new State({ ...current, ...variables });
      this.#handOver();
    }
    const trained = [...trainable].filter((name) => this.#settings.get(name));
    if (trained.length === 0) {
      throw new UserError('step: every parameter is frozen. Unfreeze some: model.unfreeze("head").');
    }
    if (trained.join() === this.#trained.join()) return;
    if (this.#gathered > 0) throw new UserError('step: freeze and unfreeze after a step, not between gather and step.');
    await this[Symbol.asyncDispose]();
    this.#trained = trained;
    this.#extendState(trained.flatMap((name) => this.#optimizer.slots.map((slot) => [slotName(slot, name), name])));
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

  #groups(patterns: readonly string[]): readonly StepGroup[] {
    return stepGroups(this.#trained, (name) => this.#countOf(name), patterns, this.#model.table);
  }

  /** Runs a program on a batch and hands the new weights over to the model. */
  async #run({ program, noise }: Compiled, batch: Batch, scalars: Tensors): Promise<StepResult> {
    const masks = drawNoise(noise, this.#seed, this.#batches);
    const results = await this.#state.step(program, { ...feedsOf(batch), ...masks, ...scalars });
    this.#batches++;
    this.#handOver();
    return { loss: number(results[resultNames.loss]), outputs: results[resultNames.outputs]! };
  }

  async #compiled(key: string, make: () => StepGraph): Promise<Compiled> {
    let compiled = this.#programs.get(key);
    if (!compiled) {
      const { outputs, noise } = make();
      compiled = { program: await this.#model.runtime.compile(outputs), noise };
      this.#programs.set(key, compiled);
    }
    return compiled;
  }

  #stepOptions(batch: Batch, groups: readonly StepGroup[]): TrainingStepOptions {
    const { clip, average, batchNorm = 'running' } = this.#options;
    const settings = groupedSettings(groups, this.#settings);
    return {
      batchSize: batchSizeOf(this.#model.network, batch),
      optimizer: this.#optimizer,
      settings,
      batchNorm: batchNormOf(settings, batchNorm),
      loss: this.#loss,
      target: typeOfRow(batch.targets),
      accumulate: this.#gathered > 0 ? 'fed' : 1,
      clip: clip && clipperOf(clip),
      mixes: batch.mix !== undefined,
      average: average !== undefined,
    };
  }

  /** The feeds of a step besides its batch and its learning rates. */
  #scalars(): Tensors {
    const { average } = this.#options;
    const [gathered, steps] = [this.#gathered, this.#steps];
    return {
      ...(gathered > 0 && { [gatheredShare]: scalar(1 / (gathered + 1)) }),
      ...(average !== undefined && { [averageDecay]: scalar(Math.min(average, (1 + steps) / (10 + steps))) }),
    };
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
export function createTrainer(model: Model, options: TrainerOptions = {}): Trainer {
  return new Trainer(model, options);
}

/** The properties of a batch that a compiled step depends on. */
function keyOf({ inputs, targets, mix }: Batch): string {
  return `${formatType(inputs)} ${formatType(targets)}${mix ? ' mixed' : ''}`;
}

/** The number of examples in a batch. @throws ShapeError, @throws UserError */
function batchSizeOf({ input }: Model['network'], { inputs, targets, weights }: Batch): number {
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
