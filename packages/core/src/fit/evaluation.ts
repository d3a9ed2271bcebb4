import { type Tensor, type Tensors, type TensorType, tensor } from '../base/tensor.ts';
import type { Loss } from '../nn/index.ts';
import type { Program, Runtime } from '../runtime/index.ts';
import type { Evaluation } from './events.ts';
import { type Metric, scoresOf } from './metrics.ts';
import { firstRows, inOrder, type Source } from './source.ts';
import { evaluationStep, feedNames, label, lossOfOutputs, type Network, resultNames } from './step.ts';

export interface EvaluatorOptions<M extends string = string> {
  readonly batchSize: number;
  readonly loss: Loss;
  /** The type of one target, without the batch axis. Default: a label, i64 (). */
  readonly target?: TensorType | undefined;
  readonly metrics: readonly Metric<M>[];
}

/** A compiled evaluation of a network. */
export interface Evaluator<M extends string = string> {
  /** Mean loss and metrics over a source, with these variables; null where the signal came first. */
  evaluate(variables: Tensors, source: Source, signal?: AbortSignal): Promise<Evaluation<M> | null>;
  release(): Promise<void>;
}

/** Compiles the evaluation of a network, with the running statistics of its batch norms. */
export async function openEvaluator<M extends string>(
  network: Network,
  { batchSize, loss, target = label, metrics }: EvaluatorOptions<M>,
  runtime: Runtime,
): Promise<Evaluator<M>> {
  const graph = evaluationStep(network, { batchSize, batchNorm: 'running', loss, target });
  const output = graph.outputs[resultNames.outputs]!;
  const program = await runtime.compile(graph.outputs);
  /** Programs for a loss that is one number for a batch, by the number of examples. */
  const lossPrograms = new Map<number, Program>();

  async function lossSum(results: Tensors, targets: Tensor, count: number): Promise<number> {
    const summed = results[resultNames.loss];
    if (summed) return number(summed);
    let own = lossPrograms.get(count);
    if (!own) {
      const type = { dtype: output.dtype, shape: output.shape.slice(1) };
      own = await runtime.compile({ [resultNames.loss]: lossOfOutputs(loss, type, target, count) });
      lossPrograms.set(count, own);
    }
    const feeds = {
      [resultNames.outputs]: firstRows(results[resultNames.outputs]!, count),
      [feedNames.targets]: firstRows(targets, count),
    };
    return count * number((await own.run(feeds))[resultNames.loss]);
  }

  return {
    async evaluate(variables, source, signal) {
      let [sum, seen] = [0, 0];
      if (signal?.aborted) return null;
      const states = metrics.map((metric) => metric.start());
      const request = {
        batchSize,
        order: inOrder(source.size),
        lastBatch: 'pad',
        epoch: 0,
        reusesInputs: true,
      } as const;
      for await (const { inputs, targets, weights } of source.batches(request)) {
        const count = Math.min(batchSize, source.size - seen);
        const feeds = {
          [feedNames.input]: inputs,
          [feedNames.targets]: targets,
          [feedNames.weights]: weights ?? countedWeights(batchSize, count),
        };
        const results = await program.run({ ...variables, ...feeds });
        sum += await lossSum(results, targets, count);
        for (const state of states) state.add(results[resultNames.outputs]!, targets, count);
        seen += count;
        if (signal?.aborted) return null;
      }
      return { loss: sum / source.size, ...scoresOf(metrics, (_metric, i) => states[i]!.value()) };
    },
    async release() {
      await program.release();
      for (const own of lossPrograms.values()) await own.release();
    },
  };
}

/** 1 for the first `count` examples of a batch, 0 for its padding. */
function countedWeights(batchSize: number, count: number): Tensor {
  return tensor(
    'f32',
    [batchSize],
    Float32Array.from({ length: batchSize }, (_, i) => (i < count ? 1 : 0)),
  );
}

/** The quantity by which evaluations are compared: a metric, or the loss. */
export interface Criterion<M extends string = string> {
  readonly name: M | 'loss';
  readonly higherIsBetter: boolean;
}

/** Better by the criterion; at a tie, of lower loss. */
export function isBetter<M extends string>(a: Evaluation<M>, b: Evaluation<M>, by: Criterion<M>): boolean {
  const gain = by.higherIsBetter ? a[by.name] - b[by.name] : b[by.name] - a[by.name];
  return gain > 0 || (gain === 0 && a.loss < b.loss);
}

/** The number in a scalar tensor. */
export function number(tensor: Tensor | undefined): number {
  return Number(tensor!.data[0]);
}
