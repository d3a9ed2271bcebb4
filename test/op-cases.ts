import { vjp } from '@graft-ml/core/grad';
import { input, reachable, type Value } from '@graft-ml/core/graph';
import type { Tensor } from '@graft-ml/core/internal/base/tensor';
import { applicableLowerings } from '@graft-ml/core/internal/graph/index';
import { normalise } from '@graft-ml/core/internal/nn/batch-norm';
import { crossEntropy, meanSquaredError } from '@graft-ml/core/internal/nn/losses';
import * as ops from '@graft-ml/core/internal/ops/index';
import { choiceKey } from '@graft-ml/core/internal/runtime/tuning';
import type { Choices } from '@graft-ml/core/runtime';
import { golden, tolerance } from './golden.ts';

/** One case of `golden/ops.safetensors`. */
export interface OpCase {
  name: string;
  op: string;
  // biome-ignore lint/suspicious/noExplicitAny: attributes as the reference script wrote them
  attributes: any;
  inputs: number;
  differentiable: number[];
}

type Build = (inputs: Value[], attributes: OpCase['attributes']) => Value;

/** Ops whose attributes are not simply passed on. */
const special: Record<string, Build> = {
  clip: ([x], { min, max }) => ops.clip(x!, min, max),
  reduceSum: ([x], { axes, keepDims }) => ops.reduceSum(x!, axes, keepDims),
  reduceMean: ([x], { axes, keepDims }) => ops.reduceMean(x!, axes, keepDims),
  reduceMax: ([x], { axes, keepDims }) => ops.reduceMax(x!, axes, keepDims),
  softmax: ([x], { axis }) => ops.softmax(x!, axis),
  logSoftmax: ([x], { axis }) => ops.logSoftmax(x!, axis),
  conv2d: ([x, w], geometry) => ops.conv2d(x!, w!, geometry),
  maxPool: ([x], options) => ops.maxPool(x!, options),
  averagePool: ([x], options) => ops.averagePool(x!, options),
  adaptiveAveragePool: ([x], { size }) => ops.adaptiveAveragePool(x!, size),
  reshape: ([x], { shape }) => ops.reshape(x!, shape),
  transpose: ([x], { axes }) => ops.transpose(x!, axes),
  broadcastTo: ([x], { shape }) => ops.broadcastTo(x!, shape),
  concat: (values, { axis }) => ops.concat(values, axis),
  slice: ([x], { starts, ends, steps }) => ops.slice(x!, starts, ends, steps),
  pad: ([x], { before, after }) => ops.pad(x!, before, after),
  gather: ([x, indices], { axis }) => ops.gather(x!, indices!, axis),
  scatterAdd: ([values, indices], { axis, size }) => ops.scatterAdd(values!, indices!, axis, size),
  roll: ([x], { axis, by }) => ops.roll(x!, axis, by),
  resize: ([x], { size, mode, alignCorners }) => ops.resize(x!, size, mode, { alignCorners }),
  crossEntropy: ([logits, labels], { labelSmoothing, classWeights, focalGamma }) =>
    crossEntropy(logits!, labels!, { labelSmoothing, focalGamma, ...(classWeights && { classWeights }) }),
  mse: ([prediction, target]) => meanSquaredError(prediction!, target!),
  layerNorm: ([x, w, b], { eps }) => ops.layerNormalise(x!, w!, b!, eps),
  batchNorm: ([x, weight, bias], { eps }) => normalise(x!, weight!, bias!, eps).y,
};

const plain = ops as unknown as Record<string, (...inputs: Value[]) => Value>;
const build = (c: OpCase): Build => special[c.op] ?? ((inputs) => plain[c.op]!(...inputs));

const { tensors, metadata } = golden('ops');
/** Every op with the shapes and attributes of its reference. */
export const opCases: readonly OpCase[] = JSON.parse(metadata.cases!);

/** The value, its first and its second derivatives, named as in the file. */
export function graphOf(c: OpCase): { outputs: Record<string, Value>; feeds: Record<string, Tensor> } {
  const feeds: Record<string, Tensor> = {};
  const feed = (name: string) => {
    const value = tensors[`${c.name}/${name}`]!;
    feeds[name] = value;
    return input(name, value.dtype, value.shape);
  };
  const inputs = Array.from({ length: c.inputs }, (_, i) => feed(`in${i}`));
  const out = build(c)(inputs, c.attributes);
  const outputs: Record<string, Value> = { out };
  if (c.differentiable.length === 0) return { outputs, feeds };
  const dy = feed('dy');
  const wrt = c.differentiable.map((i) => inputs[i]!);
  const gradients = vjp([out], [dy], wrt);
  const seconds = vjp(
    gradients,
    c.differentiable.map((i) => feed(`v${i}`)),
    [...wrt, dy],
  );
  c.differentiable.forEach((i, k) => {
    outputs[`grad${i}`] = gradients[k]!;
    outputs[`second${i}`] = seconds[k]!;
  });
  outputs.second_dy = seconds.at(-1)!;
  return { outputs, feeds };
}

/** The assignments of lowerings with which every lowering of every value of a graph is in use once. */
export function everyChoice(outputs: Readonly<Record<string, Value>>): Choices[] {
  const optional = reachable(Object.values(outputs)).filter((v) => Object.keys(v.op.lowerings).length > 1);
  const count = Math.max(1, ...optional.map((value) => applicableLowerings(value).length));
  return Array.from({ length: count }, (_, variant) =>
    Object.fromEntries(
      optional.map((value) => {
        const names = applicableLowerings(value);
        return [choiceKey(value), names[variant % names.length]!];
      }),
    ),
  );
}

/** The reference of an output, and how far from it a processor's result in f32 may be. */
export function referenceOf(
  c: OpCase,
  name: string,
): { readonly expected: Tensor | undefined; readonly limit: number } {
  const limit = name === 'out' ? tolerance.value : name.startsWith('grad') ? tolerance.gradient : tolerance.second;
  return { expected: tensors[`${c.name}/${name}`], limit };
}
