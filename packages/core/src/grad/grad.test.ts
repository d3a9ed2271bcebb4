import { describe, expect, test } from 'vitest';
import { relativeError } from '../../../../test/golden.ts';
import { evaluate, gaussian, numbers } from '../../../../test/run.ts';
import { f32, i64, type Shape, sizeOf } from '../base/tensor.ts';
import { constant, input, makeValue, reachable, typecheck, type Value } from '../graph/index.ts';
import {
  add,
  broadcastTo,
  cast,
  greater,
  matmul,
  maxPool,
  mul,
  type PoolOptions,
  reduceSum,
  relu,
  reshape,
  sliceAxis,
  sqrt,
  square,
  stopGradient,
  sub,
  swapLast,
  transpose,
} from '../ops/index.ts';
import { grad, vjp } from './index.ts';

const x = input('x', 'f32', [2, 3]);
const feeds = { x: f32([2, 3], [1, 2, 3, 4, 5, 6]) };

async function gradient(loss: Value, wrt = x, others = {}): Promise<number[]> {
  const [dx] = grad(loss, [wrt]);
  expect(dx!.shape).toEqual(wrt.shape);
  typecheck([dx!]);
  return numbers((await evaluate({ dx: dx! }, { ...feeds, ...others })).dx);
}

describe('a cotangent is summed to the shape before broadcasting', () => {
  // d/da Σ w · (a ⊕ b) sums w over the axes along which a was repeated.
  const cases: [a: Shape, b: Shape, y: Shape][] = [
    [[], [2, 3], [2, 3]],
    [[1], [2, 3], [2, 3]],
    [[3], [2, 3], [2, 3]],
    [
      [2, 1],
      [2, 3],
      [2, 3],
    ],
    [
      [1, 1, 3],
      [4, 2, 1],
      [4, 2, 3],
    ],
    [
      [2, 1],
      [4, 1, 3],
      [4, 2, 3],
    ],
    [
      [1, 3],
      [1, 3],
      [1, 3],
    ],
    [
      [5, 1, 1],
      [1, 1],
      [5, 1, 1],
    ],
  ];
  const orders = cases.flatMap(([a, b, y]) => [[a, b, y] as const, [b, a, y] as const]);
  test.each(orders)('%j with %j', async (aShape, bShape, yShape) => {
    const a = input('a', 'f32', aShape);
    const b = input('b', 'f32', bShape);
    const w = input('w', 'f32', yShape);
    const values = { a: gaussian(aShape, 'a'), b: gaussian(bShape, 'b'), w: gaussian(yShape, 'w') };
    const actual = await gradient(reduceSum(mul(w, add(a, b))), a, values);
    const expected = new Array<number>(sizeOf(aShape)).fill(0);
    numbers(values.w).forEach((weight, i) => {
      expected[sourceIndex(i, yShape, aShape)]! += weight;
    });
    actual.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 5);
    });
  });
  test('an explicit broadcast', async () => {
    const dx = await gradient(reduceSum(mul(broadcastTo(reshape(x, [2, 1, 3]), [5, 2, 4, 3]), 0.5)));
    expect(dx).toEqual(new Array(6).fill(10)); // 5 · 4 copies, a half each
  });
});

/** The element of `from` that stands at position `index` of what it was broadcast to. */
function sourceIndex(index: number, to: Shape, from: Shape): number {
  let rest = index;
  let stride = 1;
  let source = 0;
  for (let axis = to.length - 1; axis >= 0; axis--) {
    const at = rest % to[axis]!;
    const length = from[axis - to.length + from.length] ?? 1;
    rest = Math.floor(rest / to[axis]!);
    if (length > 1) source += at * stride;
    stride *= length;
  }
  return source;
}

describe('a cotangent that is smaller than its value is stretched, and stands for all that it is stretched to', () => {
  const smaller: [string, Shape, number[], number[]][] = [
    ['a scalar', [], [2], [2, 2, 2, 2, 2, 2]],
    ['a row', [3], [1, 2, 3], [1, 2, 3, 1, 2, 3]],
    ['a column', [2, 1], [1, 2], [1, 1, 1, 2, 2, 2]],
    [
      'larger along one axis, smaller along another',
      [4, 1, 3],
      [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3],
      [4, 8, 12, 4, 8, 12],
    ],
  ];
  test.each(smaller)('%s, as a cotangent of vjp', async (_name, shape, values, expected) => {
    const [dx] = vjp([mul(x, 1)], [constant(f32(shape, values))], [x]);
    expect(dx!.shape).toEqual([2, 3]);
    expect(numbers((await evaluate({ dx: dx! }, feeds)).dx)).toEqual(expected);
  });
  test('larger and smaller on axes that the value has', async () => {
    const row = input('row', 'f32', [1, 3]);
    const [dRow] = vjp([mul(row, 1)], [constant(f32([2, 1], [5, 7]))], [row]);
    expect(numbers((await evaluate({ dRow: dRow! }, { row: f32([1, 3], [0, 0, 0]) })).dRow)).toEqual([12, 12, 12]);
  });
  test('from a rule, before something that sums', async () => {
    // A primitive y = x whose rule gives one number: it stands for each of the three that x was broadcast to.
    const lazy: Value['op'] = {
      name: 'Lazy',
      infer: ([value]) => value!,
      vjp: () => [constant(f32([], [2]))],
      lowerings: { onnx: { lower: (b, names) => b.emit('Identity', names) } },
      flops: () => 0,
      memory: { buffer: 'own' },
      evaluate: null,
    };
    const column = input('column', 'f32', [2, 1]);
    const loss = reduceSum(makeValue(lazy, [broadcastTo(column, [2, 3])], {}));
    expect(await gradient(loss, column, { column: f32([2, 1], [0, 0]) })).toEqual([6, 6]);
  });
});

describe('every use of a value counts', () => {
  test.each<[string, Value, number[]]>([
    ['the same operand twice', reduceSum(mul(x, x)), [2, 4, 6, 8, 10, 12]],
    ['x³ by two products', reduceSum(mul(mul(x, x), x)), [3, 12, 27, 48, 75, 108]],
    ['used by three', reduceSum(add(add(mul(x, 2), mul(x, 3)), x)), [6, 6, 6, 6, 6, 6]],
    ['a use that cancels', reduceSum(sub(x, x)), [0, 0, 0, 0, 0, 0]],
    ['a value and what is made of it', reduceSum(add(x, square(x))), [3, 5, 7, 9, 11, 13]],
  ])('%s', async (_name, loss, expected) => {
    expect(await gradient(loss)).toEqual(expected);
  });
  test('the output itself', () => {
    const scalar = input('s', 'f32', []);
    const [ds] = grad(scalar, [scalar]);
    expect(ds!.attributes.tensor).toEqual(f32([], [1]));
  });
  test('with respect to an intermediate value and to what it is made of', async () => {
    const inner = square(x);
    const [dInner, dx] = grad(reduceSum(mul(inner, 3)), [inner, x]);
    const results = await evaluate({ dInner: dInner!, dx: dx! }, feeds);
    expect(numbers(results.dInner)).toEqual([3, 3, 3, 3, 3, 3]);
    expect(numbers(results.dx)).toEqual([6, 12, 18, 24, 30, 36]);
  });
  test('several outputs add up', async () => {
    const outputs = [mul(x, 2), reduceSum(x)];
    const [dx] = vjp(outputs, [constant(f32([2, 3], [1, 0, 0, 0, 0, 1])), constant(f32([], [10]))], [x]);
    expect(numbers((await evaluate({ dx: dx! }, feeds)).dx)).toEqual([12, 10, 10, 10, 10, 12]);
  });
});

describe('nothing flows', () => {
  const zero = new Array(6).fill(0);
  test.each<[string, Value]>([
    ['from a value that x is not in', reduceSum(input('other', 'f32', [4]))],
    ['through stopGradient', reduceSum(mul(stopGradient(square(x)), 3))],
    ['through integers', reduceSum(cast(cast(x, 'i64'), 'f32'))],
    ['from a constant', constant(f32([], [3]))],
  ])('%s', async (_name, loss) => {
    expect(await gradient(loss, x, { other: f32([4], [1, 2, 3, 4]) })).toEqual(zero);
  });
  test('through the stopped factor only', async () => {
    expect(await gradient(reduceSum(mul(stopGradient(x), x)))).toEqual([1, 2, 3, 4, 5, 6]);
  });
  test('and a value that nothing flows to costs no nodes', () => {
    const frozen = input('frozen', 'f32', [2, 3]);
    const [dx] = grad(reduceSum(mul(mul(frozen, 3), x)), [x]);
    // dx = 3 · frozen: no gradient of `frozen` is formed on the way.
    expect(reachable([dx!]).filter((value) => value.op.name === 'Mul').length).toBeLessThanOrEqual(2);
  });
});

test('an output that is not a scalar is an error that says what it is', () => {
  expect(() => grad(x, [x])).toThrow('grad: the output must be a scalar, not f32[2,3]');
});

test('the gradient of a chain of 2,000 is the product of its derivatives', async () => {
  const s = input('s', 'f32', []);
  let y: Value = s;
  for (let i = 0; i < 2000; i++) y = i % 2 === 0 ? mul(y, 1.25) : mul(y, 0.8);
  expect((await gradient(y, s, { s: f32([], [3]) }))[0]).toBeCloseTo(1, 4);
});

test('a gradient that is differentiated 6 times: d⁶/dx⁶ x⁶ = 720', async () => {
  const s = input('s', 'f32', []);
  let y = mul(square(mul(s, s)), square(s));
  for (let i = 0; i < 6; i++) y = grad(y, [s])[0]!;
  expect(numbers((await evaluate({ y }, { s: f32([], [1.7]) })).y)[0]).toBeCloseTo(720, 2);
});

test('√(x²) has the slope 0 at 0, in every order, and nothing else becomes NaN by it', async () => {
  const zero = { x: f32([2, 3], [0, 1, 2, 0, 4, 5]) };
  const [slope] = grad(reduceSum(sqrt(square(x))), [x]);
  expect(numbers((await evaluate({ slope: slope! }, zero)).slope)).toEqual([0, 1, 1, 0, 1, 1]);
  for (const curvature of await gradient(reduceSum(slope!), x, zero)) expect(curvature).toBeCloseTo(0, 6);
});

test('integers have no gradient, and do not disturb that of the floats beside them', async () => {
  const labels = input('labels', 'i64', [2]);
  const loss = reduceSum(mul(reshape(cast(labels, 'f32'), [2, 1]), x));
  expect(await gradient(loss, x, { labels: i64([2], [5, 7]) })).toEqual([5, 5, 5, 7, 7, 7]);
});

describe('the derivatives of slices that lie side by side are joined, not summed up from zeros', () => {
  const parts = (...at: readonly (readonly [number, number])[]) => at.map(([from, to]) => sliceAxis(x, 1, from, to));
  const [a, b, c] = parts([0, 1], [1, 2], [2, 3]) as [Value, Value, Value];
  const twice = (value: Value) => mul(value, 2);
  test.each<[string, Value[], number[], number]>([
    ['in order', [a, twice(b), mul(c, 3)], [1, 2, 3, 1, 2, 3], 0],
    ['in any order', [mul(c, 3), a, twice(b)], [1, 2, 3, 1, 2, 3], 0],
    ['but for what is left out', [a, twice(b)], [1, 2, 0, 1, 2, 0], 1],
    ['not where they overlap', parts([0, 2], [1, 3]), [1, 2, 1, 1, 2, 1], 2],
    ['not where they are the same', [a, sliceAxis(x, 1, 0, 1)], [2, 0, 0, 2, 0, 0], 2],
    ['not where one is apart', [a, c], [1, 0, 1, 1, 0, 1], 2],
  ])('%s', async (_name, values, expected, pads) => {
    const loss = values.map((value) => reduceSum(value)).reduce((sum, value) => add(sum, value));
    expect(await gradient(loss)).toEqual(expected);
    const [dx] = grad(loss, [x]);
    expect(reachable([dx!]).filter(({ op }) => op.name === 'Pad')).toHaveLength(pads);
  });
});

describe('the maxima of a ReLU', () => {
  const images = input('images', 'f32', [2, 3, 9, 8]);
  const scale = input('scale', 'f32', [3, 1, 1]);
  const pools: [string, PoolOptions][] = [
    ['windows that tile the image', { kernel: [3, 2] }],
    ['windows that overlap, padded', { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }],
  ];
  const values = { images: gaussian([2, 3, 9, 8], 'images'), scale: gaussian([3, 1, 1], 'scale') };
  /** First and second derivatives of a loss that is not linear in the maxima. */
  const derivatives = (rectify: (x: Value) => Value, options: PoolOptions, alsoUsed: boolean) => {
    const y = rectify(mul(images, scale));
    const pooled = maxPool(y, options);
    const loss = add(reduceSum(mul(square(pooled), pooled)), alsoUsed ? reduceSum(square(y)) : 0);
    const [dx, ds] = grad(loss, [images, scale]);
    const [second] = grad(reduceSum(square(ds!)), [scale]);
    return { dx: dx!, ds: ds!, second: second! };
  };
  /** In parts, of which none is a ReLU. */
  const byHand = (x: Value) => mul(x, cast(greater(x, 0), 'f32'));

  test.each(pools)('have its derivative where there are fewer: %s', async (_name, options) => {
    for (const alsoUsed of [false, true]) {
      const named = derivatives(relu, options, alsoUsed);
      const found = await evaluate(named, values);
      const expected = await evaluate(derivatives(byHand, options, alsoUsed), values);
      for (const key of ['dx', 'ds', 'second'] as const) {
        expect(relativeError(found[key]!, expected[key]!), key).toBeLessThan(1e-6);
      }
      const compared = reachable([named.dx]).filter(({ op }) => op.name === 'IsPositive');
      const sizes = compared.map(({ shape }) => sizeOf(shape));
      expect(sizes).toHaveLength(1);
      expect(sizes[0] === sizeOf(images.shape)).toBe(alsoUsed);
    }
  });
});

test('the gradient of a ReLU’s own values goes to a maximum of zero, too', async () => {
  const y = relu(x);
  const pooled = maxPool(reshape(y, [1, 1, 2, 3]), { kernel: [2, 3] });
  const direct = maxPool(relu(reshape(x, [1, 1, 2, 3])), { kernel: [2, 3] });
  const negative = { x: f32([2, 3], [-1, -2, -3, -4, -5, -6]) };
  expect(await gradient(reduceSum(pooled), x, negative)).toEqual([0, 0, 0, 0, 0, 0]);
  expect(await gradient(reduceSum(direct), x, negative)).toEqual([0, 0, 0, 0, 0, 0]);
  const [own, before] = grad(reduceSum(direct), [direct.inputs[0]!, x]);
  const found = await evaluate({ own: own!, before: before! }, negative);
  expect(numbers(found.own)).toEqual([1, 0, 0, 0, 0, 0]);
  expect(numbers(found.before)).toEqual([0, 0, 0, 0, 0, 0]);
});

describe('transposes', () => {
  const w = input('w', 'f32', [4, 3]);
  const opsOf = (value: Value) => [...reachable([value])].map(({ op }) => op.name).sort();

  test('what a product was transposed for has its derivative without another one', async () => {
    const [dw] = grad(reduceSum(square(matmul(x, swapLast(w)))), [w]);
    const after = input('dy', 'f32', [2, 4]);
    const [ofProduct] = vjp([matmul(x, swapLast(w))], [after], [w]);
    expect(opsOf(ofProduct!).filter((name) => name === 'Transpose')).toHaveLength(1);
    expect(ofProduct!.op.name).toBe('MatMul');
    const weights = f32([4, 3], [1, -1, 2, 0.5, 3, -2, 1, 1, 0, -1, 2, 2]);
    // 2 (x wᵀ)ᵀ x, by hand for the first row of w: x w₀ = (5, 11), so 2 (5 x₀ + 11 x₁).
    const values = await gradient(reduceSum(square(matmul(x, swapLast(w)))), w, { w: weights });
    expect(dw!.shape).toEqual([4, 3]);
    expect(values.slice(0, 3)).toEqual([98, 130, 162]);
  });

  test('one of another is one, or none where nothing moves', () => {
    const y = input('y', 'f32', [2, 3, 4]);
    const turned = transpose(transpose(y, [1, 2, 0]), [1, 2, 0]);
    expect(turned.inputs).toEqual([y]);
    expect(turned.shape).toEqual([4, 2, 3]);
    expect(transpose(turned, [1, 2, 0])).toBe(y);
  });
});
