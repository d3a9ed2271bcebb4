import { grad } from '@graft-ml/core/grad';
import { input, type Value } from '@graft-ml/core/graph';
import { type Tensor, type Tensors, tensor } from '@graft-ml/core/internal/base/tensor';
import { resultNames } from '@graft-ml/core/internal/fit/step';
import { gradientName, taskNames } from '@graft-ml/core/internal/meta/index';
import { countCorrect } from '@graft-ml/core/internal/meta/task-graph';
import { channelwise } from '@graft-ml/core/internal/ops/index';
import type { TaskShape } from '@graft-ml/core/meta';
import { crossEntropy, normalisePixels } from '@graft-ml/core/nn';
import {
  add,
  batchNormalise,
  broadcastTo,
  conv2d,
  matmul,
  maxPool,
  mul,
  reduceMean,
  relu,
  reshape,
  sub,
  swapLast,
  transpose,
} from '@graft-ml/core/ops';

export interface TaskAxisOptions extends TaskShape {
  readonly tasks: number;
  readonly side: number;
  readonly halving: 'max-pool' | 'stride';
  readonly innerSteps: number;
  readonly innerRate: number;
  readonly order: 1 | 2;
  readonly normalisation: { readonly mean: readonly number[]; readonly std: readonly number[] };
}

/** The parameters of conv-4 for every task at once, by name. */
type Values = ReadonlyMap<string, Value>;

/**
 * MAML on conv-4 with the tasks of a meta-batch in one graph: each is a group of channels. Images (n, tasks·3, h, w),
 * kernels (tasks·filters, c, 3, 3) in `tasks` groups, batch norm by channel, the last layer a batched product. Written
 * out here because it exists to be timed beside sessions of one task each. Outputs: the mean of `gradient/…` over
 * tasks, loss, and how many are right.
 */
export function taskAxisGraph(start: Values, options: TaskAxisOptions): Record<string, Value> {
  const { tasks, innerSteps, innerRate, order } = options;
  const support = taskInputs(taskNames.support, taskNames.supportLabels, options.support, options);
  const query = taskInputs(taskNames.query, taskNames.queryLabels, options.queries, options);
  let now: Values = new Map([...start].map(([name, value]) => [name, forEachTask(value, tasks)]));
  const inner: Value[] = [];
  for (let step = 0; step < innerSteps; step++) {
    // The mean over all tasks' images, times their number, is the sum of the tasks' losses; none sees another's
    // parameters.
    const loss = mul(crossEntropy(logitsOf(now, support.images, options), support.labels), tasks);
    const gradients = grad(loss, [...now.values()]);
    inner.push(...gradients);
    now = new Map([...now].map(([name, value], i) => [name, sub(value, mul(gradients[i]!, innerRate))]));
  }
  const logits = logitsOf(now, query.images, options);
  const loss = crossEntropy(logits, query.labels);
  const gradients = grad(loss, [...start.values()], { stopGradients: order === 1 ? inner : [] });
  return {
    ...Object.fromEntries([...start.keys()].map((name, i) => [gradientName(name), gradients[i]!])),
    [resultNames.loss]: loss,
    [taskNames.correct]: countCorrect(logits, query.labels),
  };
}

/** The feeds of several tasks as one: (tasks, …). */
export function stackedFeeds(feeds: readonly Tensors[]): Record<string, Tensor> {
  const names = [taskNames.support, taskNames.supportLabels, taskNames.query, taskNames.queryLabels];
  return Object.fromEntries(names.map((name) => [name, stack(feeds.map((own) => own[name]!))]));
}

function stack(parts: readonly Tensor[]): Tensor {
  const { dtype, shape } = parts[0]!;
  const as = [parts.length, ...shape];
  if (dtype === 'i64') return tensor('i64', as, BigInt64Array.from(parts.flatMap(({ data }) => [...data].map(BigInt))));
  const bytes = new Uint8Array(parts.reduce((sum, { data }) => sum + data.length, 0));
  parts.forEach(({ data }, i) => {
    bytes.set(data as Uint8Array, i * data.length);
  });
  return tensor('u8', as, bytes);
}

/** Images f32 (n, tasks·3, h, w), normalised, and labels (tasks·n). */
function taskInputs(
  images: string,
  labels: string,
  count: number,
  { tasks, side, normalisation }: TaskAxisOptions,
): { images: Value; labels: Value } {
  const bytes = input(images, 'u8', [tasks, count, 3, side, side]);
  const pixels = normalisePixels(reshape(bytes, [tasks * count, 3, side, side]), normalisation);
  const byImage = transpose(reshape(pixels, [tasks, count, 3, side, side]), [1, 0, 2, 3, 4]);
  return {
    images: reshape(byImage, [count, tasks * 3, side, side]),
    labels: reshape(input(labels, 'i64', [tasks, count]), [tasks * count]),
  };
}

/** A parameter as often as there are tasks: along the first axis, but the head's along one of its own. */
function forEachTask(value: Value, tasks: number): Value {
  return reshape(broadcastTo(value, [tasks, ...value.shape]), [tasks * value.shape[0]!, ...value.shape.slice(1)]);
}

/** (n, tasks·3, h, w) → (tasks·n, way). */
function logitsOf(values: Values, images: Value, { tasks, halving, way }: TaskAxisOptions): Value {
  const stride = halving === 'stride' ? 2 : 1;
  const geometry = { strides: [stride, stride], pads: [1, 1, 1, 1], dilations: [1, 1], groups: tasks } as const;
  let x = images;
  for (const layer of ['layer1', 'layer2', 'layer3', 'layer4']) {
    const of = (name: string) => values.get(`${layer}.${name}`)!;
    const y = conv2d(x, of('conv.weight'), geometry);
    const z = add(y, channelwise(of('conv.bias'), y));
    const activation = relu(batchNormalise(z, of('bn.weight'), of('bn.bias'), 1e-5));
    x = halving === 'stride' ? activation : maxPool(activation, { kernel: [2, 2] });
  }
  const n = x.shape[0]!;
  const features = halving === 'stride' ? reduceMean(x, [2, 3]) : x;
  const byTask = transpose(reshape(features, [n, tasks, -1]), [1, 0, 2]);
  const weight = reshape(values.get('fc.weight')!, [tasks, way, -1]);
  const bias = reshape(values.get('fc.bias')!, [tasks, 1, way]);
  return reshape(add(matmul(byTask, swapLast(weight)), bias), [tasks * n, way]);
}
