import { sizeOf } from '../base/tensor.ts';
import { originals, reachable, type Value } from '../graph/index.ts';

/** Floating-point operations of a graph: a multiply-add is two, any other arithmetic on an element one. */
export interface Flops {
  readonly total: number;
  /** By the name of the primitive, of those that compute something. */
  readonly byOp: Readonly<Record<string, number>>;
  /** How many nodes there are of each primitive, of all of them. */
  readonly nodes: Readonly<Record<string, number>>;
}

const perOutput = (operations: number) => (y: Value) => operations * sizeOf(y.shape);
const perInput = (operations: number) => (y: Value) => operations * sizeOf(y.inputs[0]!.shape);
const none = () => 0;

/** Numbers of a convolution's weight that go into one number of its output. Weight (groups·o, i, kh, kw). */
const reach = (weight: Value) => sizeOf(weight.shape.slice(1));

/** Elements of a pooling window. */
const window = (y: Value) => sizeOf(y.attributes.kernel as readonly number[]);

/**
 * By primitive. Whatever form of a convolution is run, it counts as the sum that defines it: a multiply-add for each number of y
 * and each number of the weight that y's channel sees; so do its gradients, as all three are derivatives of one trilinear form.
 * What only moves or compares numbers is free, and a primitive that stands for a composition counts as that.
 */
const rules: Readonly<Record<string, (y: Value) => number>> = {
  Conv2d: (y) => 2 * sizeOf(y.shape) * reach(y.inputs[1]!),
  Conv2dInputGrad: ({ inputs: [dy, w] }) => 2 * sizeOf(dy!.shape) * reach(w!),
  Conv2dWeightGrad: (dw) => 2 * sizeOf(dw.inputs[1]!.shape) * reach(dw),
  MatMul: (y) => 2 * sizeOf(y.shape) * y.inputs[0]!.shape.at(-1)!,
  ...Object.fromEntries(
    ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Minimum', 'Maximum', 'Neg', 'Exp', 'Log', 'Sqrt', 'Erf', 'Tanh', 'Sigmoid']
      .concat(['Abs', 'Relu', 'Square'])
      .map((name) => [name, perOutput(1)]),
  ),
  Clip: perOutput(2),
  HardSigmoid: perOutput(3),
  ReduceSum: perInput(1),
  ReduceMax: perInput(1),
  ScatterAdd: perInput(1),
  MaxPool: (y) => sizeOf(y.shape) * window(y),
  SumPool: (y) => sizeOf(y.shape) * window(y),
  SumPoolGrad: (dx) => sizeOf(dx.inputs[0]!.shape) * window(dx),
  ChannelCombine: perOutput(4), // x·a + y·b + c
  BatchNorm: perOutput(7), // mean, difference, its square and their mean, (x - m)·s + b
  LayerNorm: perOutput(7),
  LayerNormInverseDeviation: perInput(4),
  Softmax: perOutput(5), // max, difference, exp, sum, quotient
  NormalCdf: perOutput(4), // (1 + erf(x/√2)) / 2
  Gelu: perOutput(5),
  ...Object.fromEntries(
    [
      'Input',
      'Constant',
      'StopGradient',
      'Cast',
      'Reshape',
      'Transpose',
      'BroadcastTo',
      'Concat',
      'Slice',
      'Pad',
      'Gather',
    ]
      .concat([
        'Sign',
        'Greater',
        'GreaterOrEqual',
        'Less',
        'LessOrEqual',
        'Equal',
        'Where',
        'ArgMax',
        'MaxPoolIndices',
      ])
      .map((name) => [name, none]),
  ),
};

/** What it takes to compute these outputs once. Equal nodes count once, as they are written once. */
export function countFlops(outputs: Iterable<Value>): Flops {
  const byOp: Record<string, number> = {};
  const nodes: Record<string, number> = {};
  for (const value of new Set(originals(reachable(outputs)).values())) {
    const { name } = value.op;
    const rule = rules[name];
    if (!rule) throw new Error(`countFlops: no rule for ${name}`);
    nodes[name] = (nodes[name] ?? 0) + 1;
    const operations = rule(value);
    if (operations > 0) byOp[name] = (byOp[name] ?? 0) + operations;
  }
  return { total: Object.values(byOp).reduce((sum, operations) => sum + operations, 0), byOp, nodes };
}
