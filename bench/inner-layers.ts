import { input, type Value } from '@graft-ml/core/graph';
import type { Network } from '@graft-ml/core/internal/fit/step';
import { adapt, type Values } from '@graft-ml/core/internal/meta/inner-loop';
import type { GradientLearner } from '@graft-ml/core/internal/meta/learner';
import { taskShape } from '@graft-ml/core/internal/meta/meta-course';
import { episodeInterval } from '@graft-ml/core/internal/meta/statistics';
import { learnerVariables, taskNames } from '@graft-ml/core/internal/meta/task-graph';
import { feedsOfEpisode } from '@graft-ml/core/internal/meta/task-program';
import { headPattern } from '@graft-ml/core/internal/models/index';
import type { OpenLearner } from '@graft-ml/core/internal/runs/open-learner';
import { openTester } from '@graft-ml/core/internal/runs/open-tester';
import type { Episode } from '@graft-ml/core/meta';
import { Scope } from '@graft-ml/core/nn';
import { add, flatten, matmul, reduceSum, square, sub, swapLast } from '@graft-ml/core/ops';
import { sideBySide } from 'graft-ml/internal/meta/prepare-meta';
import { createRuntime } from 'graft-ml/internal/runtime/index';

/** The change of one layer in an inner loop. */
export interface Layer {
  readonly name: string;
  /** ‖θ′ - θ‖ / ‖θ‖ of the layer's parameters, the mean over episodes. */
  readonly change: number;
  /** Linear CKA of the layer's output on the queries before and after (Kornblith et al. 2019), the mean over episodes. */
  readonly similarity: number;
}

/** The layers of a learner from the input to the head, over the inner loop that it was trained with. */
export async function layersOf(opened: OpenLearner, episodes: readonly Episode[]): Promise<Layer[]> {
  const { network, config, values } = opened;
  const learner = gradientLearner(opened);
  const { support, queries } = taskShape(config);
  const images = (name: string, count: number) => input(name, network.input.dtype, [count, ...network.input.shape]);
  const start: Values = new Map(
    [...learnerVariables(network, learner).values()].map(({ name, dtype, shape }) => [name, input(name, dtype, shape)]),
  );
  const examples = {
    inputs: images(taskNames.support, support),
    labels: input(taskNames.supportLabels, 'i64', [support]),
  };
  const { path } = adapt(network, learner, start, examples, learner.innerSteps);
  const end = path.at(-1)!;
  const asked = images(taskNames.query, queries);
  const [before, after] = [start, end].map((of) => outputsByLayer(network, of, asked)) as [Outputs, Outputs];
  const names = [...before.keys()];
  const outputs = Object.fromEntries(
    names.flatMap((name) => {
      const own = [...learner.rates.keys()].filter((parameter) => parameter.startsWith(`${name}.`));
      const squares = (of: (parameter: string) => Value) =>
        own.map((parameter) => reduceSum(square(of(parameter)))).reduce(add);
      return [
        [`${name}/moved`, squares((parameter) => sub(end.get(parameter)!, start.get(parameter)!))],
        [`${name}/size`, squares((parameter) => start.get(parameter)!)],
        [`${name}/before`, gram(before.get(name)!)],
        [`${name}/after`, gram(after.get(name)!)],
      ] as const;
    }),
  );
  await using program = await createRuntime({ threads: 1 }).compile(outputs);
  const sums = new Map(names.map((name) => [name, { change: 0, similarity: 0 }]));
  for (const episode of episodes) {
    const result = await program.run({ ...values, ...feedsOfEpisode(episode) });
    const of = (name: string) => Float64Array.from(result[name]!.data, Number);
    for (const [name, sum] of sums) {
      sum.change += Math.sqrt(of(`${name}/moved`)[0]! / of(`${name}/size`)[0]!);
      sum.similarity += linearCka(of(`${name}/before`), of(`${name}/after`), queries);
    }
  }
  return [...sums].map(([name, { change, similarity }]) => ({
    name,
    change: change / episodes.length,
    similarity: similarity / episodes.length,
  }));
}

/** The accuracy where the inner loop of the test moves everything, the head, the body or nothing. */
export interface PartAccuracies {
  readonly all: number;
  readonly head: number;
  readonly body: number;
  readonly nothing: number;
}

/** The results of one run. */
export interface LayerChange {
  /** After 0, 1, …, 10 inner steps on the support: the mean over episodes, and half its 95 % interval. */
  readonly perStep: readonly { readonly accuracy: number; readonly margin: number }[];
  /** From the input to the head. */
  readonly layers: readonly Layer[];
  readonly parts: PartAccuracies | null;
}

/** The accuracy of a learner after its inner loop, where the loop moves a part of what it was trained to move. */
export async function accuracyOfParts(opened: OpenLearner, episodes: readonly Episode[]): Promise<PartAccuracies> {
  const { config, model, values, network } = opened;
  const learner = gradientLearner(opened);
  const head = headPattern(model);
  const { way, shots, queries } = config;
  const of = async (isMoved: (parameter: string) => boolean) => {
    const rates = new Map([...learner.rates].map(([name, rate]) => [name, isMoved(name) ? rate : 0]));
    const parts = { network, learner: { ...learner, rates } };
    const tester = await openTester(parts, values, {
      ...{ config, shape: { way, shots, queries }, steps: learner.innerSteps },
      ...{ runtime: createRuntime({ threads: 1 }), parallel: sideBySide(1, undefined) },
    });
    try {
      const results = await tester.test(episodes);
      return episodeInterval(results.map(({ correct }) => correct.at(-1)! / (way * queries))).mean;
    } finally {
      await tester.close();
    }
  };
  return {
    all: await of(() => true),
    head: await of((name) => head.test(name)),
    body: await of((name) => !head.test(name)),
    nothing: await of(() => false),
  };
}

function gradientLearner({ learner }: OpenLearner): GradientLearner {
  if (learner.kind !== 'gradient') throw new Error(`${learner.name} has no inner loop of gradients`);
  return learner;
}

type Outputs = ReadonlyMap<string, Value>;

/** The outputs of the layers, from the input to the head, by the path of their parameters. */
function outputsByLayer(network: Network, values: Values, images: Value): Outputs {
  const variable = ({ name }: { readonly name: string }) => values.get(name)!;
  const { scope, trace } = Scope.root({ training: false, batchNorm: 'batch', variable });
  const logits = network.forward(scope, images);
  // Endpoints such as the penultimate features have no parameters of their own.
  const isLayer = ([endpoint]: readonly [string, Value]) => values.has(`${endpoint}.conv.weight`);
  return new Map([...[...trace.endpoints].filter(isLayer), ['fc', logits]]);
}

/** X Xᵀ of (n, …) as (n, f). */
function gram(x: Value): Value {
  const flat = x.shape.length > 2 ? flatten(x) : x;
  return matmul(flat, swapLast(flat));
}

/** ‖XᵀY‖² / (‖XᵀX‖ ‖YᵀY‖) of centred features, from their Gram matrices (n, n). */
function linearCka(x: Float64Array, y: Float64Array, n: number): number {
  const [k, l] = [centred(x, n), centred(y, n)];
  const product = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  return product(k, l) / Math.sqrt(product(k, k) * product(l, l));
}

/** H K H, with H = I - 1/n. */
function centred(k: Float64Array, n: number): Float64Array {
  const rows = Array.from({ length: n }, (_, i) => k.subarray(i * n, (i + 1) * n).reduce((a, b) => a + b, 0) / n);
  const all = rows.reduce((a, b) => a + b, 0) / n;
  return k.map((value, at) => value - rows[Math.floor(at / n)]! - rows[at % n]! + all);
}
