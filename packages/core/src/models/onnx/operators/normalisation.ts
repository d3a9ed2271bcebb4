import type { Value } from '../../../graph/index.ts';
import { batchNorm, dropout as drop } from '../../../nn/index.ts';
import {
  add,
  averagePool,
  channelwise,
  div,
  mul,
  pow,
  reduceMean,
  reshape,
  rsqrt,
  square,
  sub,
} from '../../../ops/index.ts';
import type { Handlers, NodeCall } from '../node-call.ts';

/** (x - mean) / √(variance + ε) over some axes, with the biased variance. */
function standardise(x: Value, axes: readonly number[], epsilon: number): Value {
  const centred = sub(x, reduceMean(x, axes, true));
  return mul(centred, rsqrt(add(reduceMean(square(centred), axes, true), epsilon)));
}

const axesFrom = (x: Value, first: number) => x.shape.map((_, axis) => axis).slice(first);

/**
 * A real batch norm where scale, shift and statistics are numbers of the file; else only the arithmetic of evaluation.
 * ONNX's momentum is the share of the old statistics, ours (and PyTorch's) of the new ones.
 */
function batch(call: NodeCall): Value {
  const x = call.value(0);
  const epsilon = call.float('epsilon', 1e-5);
  if (call.int('spatial', 1) !== 1) call.fail('normalises each pixel by itself (spatial = 0), which is not supported');
  if (call.layer) return batchNorm(call.layer, x, { epsilon, momentum: 1 - call.float('momentum', 0.9) });
  const [scale, shift, mean, variance] = [1, 2, 3, 4].map((i) => channelwise(call.value(i), x)) as [
    Value,
    Value,
    Value,
    Value,
  ];
  return add(mul(sub(x, mean), mul(scale, rsqrt(add(variance, epsilon)))), shift);
}

/** Each channel of each image by itself (Ulyanov et al. 2016). */
function instance(call: NodeCall): Value {
  const x = call.value(0);
  const y = standardise(x, axesFrom(x, 2), call.float('epsilon', 1e-5));
  return add(mul(y, channelwise(call.value(1), x)), channelwise(call.value(2), x));
}

function layer(call: NodeCall): Value {
  const x = call.value(0);
  const first = call.axis(call.int('axis', -1), x.shape.length);
  const scaled = mul(standardise(x, axesFrom(x, first), call.float('epsilon', 1e-5)), call.value(1));
  return call.has(2) ? add(scaled, call.value(2)) : scaled;
}

/** Groups of channels (Wu & He 2018); scale and shift are per group in opset 18, per channel from 21 on. */
function group(call: NodeCall): Value {
  const x = call.value(0);
  const groups = call.int('num_groups', 0);
  const [n, channels] = x.shape as [number, number];
  if (groups < 1 || channels % groups !== 0) call.fail(`divides ${channels} channels into ${groups} groups`);
  const rows = reshape(x, [n, groups, -1]);
  const y = standardise(rows, [2], call.float('epsilon', 1e-5));
  const affine = (z: Value) => add(mul(z, channelwise(call.value(1), z)), channelwise(call.value(2), z));
  return call.opset < 21 ? reshape(affine(y), x.shape) : affine(reshape(y, x.shape));
}

/** y = x / (bias + α · mean of x² over `size` neighbouring channels)^β (Krizhevsky et al. 2012, section 3.3). */
function localResponse(call: NodeCall): Value {
  const x = call.value(0);
  const size = call.int('size', 0);
  const [n, channels] = x.shape as [number, number];
  if (size < 1 || size > 2 * channels + 1) call.fail(`has size ${size} for ${channels} channels`);
  const before = Math.floor((size - 1) / 2);
  const after = Math.ceil((size - 1) / 2);
  // The channels as the rows of one image, over which a window of `size` slides.
  const mean = averagePool(reshape(square(x), [n, 1, channels, -1]), {
    kernel: [size, 1],
    strides: [1, 1],
    pads: [before, 0, after, 0],
  });
  const denominator = add(mul(reshape(mean, x.shape), call.float('alpha', 1e-4)), call.float('bias', 1));
  return div(x, pow(denominator, call.float('beta', 0.75)));
}

/** Dropout in training, whatever the file says of training: the probability was an attribute before opset 12. */
function dropout(call: NodeCall): Value {
  const ratio = call.has(1) ? call.number(1) : call.float('ratio', 0.5);
  if (!(ratio >= 0 && ratio < 1)) call.fail(`has the ratio ${ratio}`);
  return call.layer ? drop(call.layer, call.value(0), ratio) : call.value(0);
}

export const normalisation: Handlers = {
  BatchNormalization: batch,
  InstanceNormalization: instance,
  LayerNormalization: layer,
  GroupNormalization: group,
  LRN: localResponse,
  Dropout: dropout,
};
