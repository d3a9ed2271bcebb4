import type { Value } from '../../../graph/index.ts';
import {
  add,
  averagePool,
  type ConvGeometry,
  conv2d,
  convOutputSize,
  maxPool,
  reduceMax,
  reduceMean,
  reshape,
  sameShape,
} from '../../../ops/index.ts';
import type { Handlers, NodeCall } from '../node-call.ts';

type Pair = readonly [number, number];
type Pads = readonly [number, number, number, number];
type Geometry = Omit<ConvGeometry, 'groups'> & { readonly kernel: Pair };

/** Larger than any kernel, stride or padding; keeps a damaged file from asking for the impossible. */
const mostPixels = 4096;

function pair(call: NodeCall, name: string, otherwise: Pair): Pair {
  const list = call.ints(name, otherwise);
  if (list.length !== 2 || list.some((n) => n < 1 || n > mostPixels)) call.fail(`has ${name} [${list}]`);
  return list as Pair;
}

/** The window of a convolution or pooling over images, with automatic padding resolved. */
function geometry(call: NodeCall, x: Value, kernelOfWeight?: Pair): Geometry {
  if (x.shape.length !== 4) call.fail(`has an input of rank ${x.shape.length}; only images (n, c, h, w) are supported`);
  const kernel = pair(call, 'kernel_shape', kernelOfWeight ?? [0, 0]);
  const strides = pair(call, 'strides', [1, 1]);
  const dilations = pair(call, 'dilations', [1, 1]);
  const pads = padding(call, x, { kernel, strides, dilations });
  const output = convOutputSize(x.shape.slice(2), kernel, { strides, pads, dilations });
  if (output.some((extent) => extent < 1 || extent > mostPixels)) {
    call.fail(`turns ${x.shape.slice(2).join('x')} pixels into ${output.join('x')}`);
  }
  return { kernel, strides, dilations, pads };
}

function padding(call: NodeCall, x: Value, window: Omit<Geometry, 'pads'>): Pads {
  const mode = call.text('auto_pad', 'NOTSET');
  if (mode === 'VALID') return [0, 0, 0, 0];
  if (mode === 'NOTSET' || mode === '') {
    const pads = call.ints('pads', [0, 0, 0, 0]);
    if (pads.length !== 4 || pads.some((p) => p < 0 || p > mostPixels)) call.fail(`has pads [${pads}]`);
    return pads as unknown as Pads;
  }
  if (mode !== 'SAME_UPPER' && mode !== 'SAME_LOWER') call.fail(`has auto_pad ${mode}`);
  // As many windows as strides fit in; what is missing goes half to each side, the odd one to the end (UPPER) or front.
  const total = ([0, 1] as const).map((axis) => {
    const size = x.shape[axis + 2]!;
    const stride = window.strides[axis];
    const reach = (window.kernel[axis] - 1) * window.dilations[axis] + 1;
    return Math.max(0, (Math.ceil(size / stride) - 1) * stride + reach - size);
  }) as [number, number];
  const less = total.map((n) => Math.floor(n / 2)) as [number, number];
  const more = total.map((n) => Math.ceil(n / 2)) as [number, number];
  return mode === 'SAME_UPPER' ? [...less, ...more] : [...more, ...less];
}

function convolution(call: NodeCall): Value {
  const x = call.value(0);
  const weight = call.value(1);
  if (weight.shape.length !== 4) call.fail(`has a weight of rank ${weight.shape.length}; only images are supported`);
  const { kernel, ...window } = geometry(call, x, [weight.shape[2]!, weight.shape[3]!]);
  if (kernel[0] !== weight.shape[2] || kernel[1] !== weight.shape[3]) call.fail('has a weight of another kernel');
  const y = conv2d(x, weight, { ...window, groups: call.int('group', 1) });
  if (!call.has(2)) return y;
  const bias = call.value(2);
  if (!sameShape(bias.shape, [y.shape[1]!])) call.fail(`has a bias of [${bias.shape}] for ${y.shape[1]} channels`);
  return add(y, reshape(bias, [1, -1, 1, 1]));
}

/** Checks a pooling's padding: no window may lie in it alone. */
function poolGeometry(call: NodeCall, x: Value): Geometry {
  const found = geometry(call, x);
  const { pads, kernel } = found;
  if (pads.some((p, i) => p >= kernel[(i % 2) as 0 | 1]))
    call.fail(`has pads [${pads}] around a window of [${kernel}]`);
  return found;
}

function maximum(call: NodeCall): Value {
  const x = call.value(0);
  return maxPool(x, { ...poolGeometry(call, x), ceilMode: call.int('ceil_mode', 0) === 1 });
}

function average(call: NodeCall): Value {
  const x = call.value(0);
  const { dilations, ...window } = poolGeometry(call, x);
  if (dilations.some((d) => d !== 1)) call.fail('has dilations, which average pooling does not support');
  const countIncludePad = call.int('count_include_pad', 0) === 1;
  return averagePool(x, { ...window, ceilMode: call.int('ceil_mode', 0) === 1, countIncludePad });
}

const spatial = (x: Value) => x.shape.map((_, axis) => axis).slice(2);

export const convolutions: Handlers = {
  Conv: convolution,
  MaxPool: maximum,
  AveragePool: average,
  GlobalAveragePool: (call) => reduceMean(call.value(0), spatial(call.value(0)), true),
  GlobalMaxPool: (call) => reduceMax(call.value(0), spatial(call.value(0)), true),
};
