import { describe, expect, test } from 'vitest';
import { apply, draw, type Example, everyExample, examples } from '../../../../test/primitive-examples.ts';
import { compile, gaussian, numbers, uniform } from '../../../../test/run.ts';
import { type DType, f32, type Tensor, type Tensors, tensor } from '../base/tensor.ts';
import { vjp } from '../grad/index.ts';
import { input, type Value } from '../graph/index.ts';
import { primitives } from './index.ts';

/** These pass nothing back: integers and truth values have no derivative, and one op is there to stop it. */
const notDifferentiable = new Set(
  'Sign IsPositive StopGradient Greater GreaterOrEqual Less LessOrEqual Equal ArgMax MaxPoolIndices'.split(' '),
);

/**
 * f'(0) ≈ (8(f(ε) - f(-ε)) - (f(2ε) - f(-2ε))) / 12ε, wrong by ε⁴f⁗'/30 and by rounding over ε; exact for polynomials
 * up to the fourth degree. In f32 with ε = 1/32 both errors are near 1e-5; a linear op affords the larger step.
 */
const step = { linear: 1 / 4, normal: 1 / 32, positive: 1 / 32, separated: 1 / 32 } as const;
const weights = [
  [-2, 1 / 12],
  [-1, -8 / 12],
  [1, 8 / 12],
  [2, -1 / 12],
] as const;
const tolerance = { linear: 5e-6, normal: 2e-4, positive: 2e-4, separated: 2e-5 } as const;

/** Σ a·b in double precision, and what its rounding errors are relative to. */
function dot(a: readonly Tensor[], b: readonly Tensor[]): { sum: number; scale: number } {
  let sum = 0;
  let scale = 0;
  a.forEach((x, k) => {
    x.data.forEach((value, i) => {
      const product = Number(value) * Number(b[k]!.data[i]);
      sum += product;
      scale += Math.abs(product);
    });
  });
  return { sum, scale };
}

/** A random direction for each float of a point, in [-1, 1), so that two steps of it cross no kink. */
const directionsAt = (name: string, point: Tensors) =>
  Object.fromEntries(
    Object.entries(point).flatMap(([key, { dtype, shape }]) =>
      dtype === 'f32' || dtype === 'f64' ? [[key, like(dtype, uniform(shape, name, 'direction', key))]] : [],
    ),
  );

function like(dtype: DType, value: Tensor): Tensor {
  const { shape } = value;
  return dtype === 'f64' ? tensor('f64', shape, Float64Array.from(numbers(value))) : f32(shape, numbers(value));
}

/** The point, t along the directions. */
function moved(point: Tensors, directions: Tensors, t: number): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(point).map(([key, value]) => {
      const direction = directions[key];
      if (!direction) return [key, value];
      const data = Float64Array.from(numbers(value), (x, i) => x + t * Number(direction.data[i]));
      return [key, like(value.dtype, tensor('f64', value.shape, data))];
    }),
  );
}

/** y, its gradients for the cotangent dy, and theirs for the cotangents v: with respect to the inputs and to dy. */
function derivatives(primitive: string, example: Example) {
  const { y, inputs } = apply(primitive, example, input);
  const wrt = inputs.filter(({ dtype }) => dtype === 'f32');
  const dy = input('dy', y.dtype, y.shape);
  const first = vjp([y], [dy], wrt);
  const cotangents = first.map((value, i) => input(`v${i}`, value.dtype, value.shape));
  const second = vjp(first, cotangents, [...wrt, dy]);
  const outputs: Record<string, Value> = { y };
  first.forEach((value, i) => {
    outputs[`first${i}`] = value;
  });
  second.forEach((value, i) => {
    outputs[`second${i}`] = value;
  });
  return { outputs, wrt: wrt.map((value) => value.attributes.name as string), dy, cotangents };
}

test('every primitive has an example', () => {
  expect(Object.keys(examples).sort()).toEqual([...primitives().keys()].sort());
});

describe('first and second derivatives in a random direction equal finite differences', () => {
  const differentiable = everyExample().filter(([, primitive]) => !notDifferentiable.has(primitive));
  test.each(differentiable)('%s', async (name, primitive, example) => {
    const { outputs, wrt, dy, cotangents } = derivatives(primitive, example);
    const point: Tensors = { ...draw(name, example), dy: like(dy.dtype, gaussian(dy.shape, name, 'dy')) };
    const fixed = Object.fromEntries(
      cotangents.map(({ shape }, i) => [`v${i}`, gaussian(shape, name, 'cotangent', i)]),
    );
    const directions = directionsAt(name, point);
    const along = wrt.map((key) => directions[key]!);
    const program = await compile(outputs);
    const run = (t: number) => program.run({ ...moved(point, directions, t), ...fixed });
    const pick = (results: Tensors, key: string, count: number) =>
      Array.from({ length: count }, (_, i) => results[`${key}${i}`]!);

    const here = await run(0);
    const first = dot(pick(here, 'first', wrt.length), along);
    const second = dot(pick(here, 'second', wrt.length + 1), [...along, directions.dy!]);
    const numeric = { first: 0, second: 0 };
    const epsilon = step[example.domain];
    for (const [multiple, weight] of weights) {
      const there = await run(multiple * epsilon);
      numeric.first += (weight / epsilon) * dot([there.y!], [point.dy!]).sum;
      numeric.second += (weight / epsilon) * dot(pick(there, 'first', wrt.length), Object.values(fixed)).sum;
    }
    await program.release();
    expect(first.scale).toBeGreaterThan(0.1); // otherwise nothing would have been compared
    expect(Math.abs(numeric.first - first.sum) / first.scale).toBeLessThan(tolerance[example.domain]);
    expect(Math.abs(numeric.second - second.sum) / second.scale).toBeLessThan(tolerance[example.domain]);
  });
});

describe('what is not differentiable passes nothing back', () => {
  const rest = everyExample().filter(([, primitive]) => notDifferentiable.has(primitive));
  test.each(rest)('%s', (_name, primitive, example) => {
    const { y, inputs } = apply(primitive, example, input);
    expect(y.op.vjp(input('dy', 'f32', y.shape), inputs, y)).toEqual(inputs.map(() => null));
  });
});
