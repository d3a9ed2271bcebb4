import { describe, expect, test } from 'vitest';
import { apply, everyExample, examples } from '../../../../test/primitive-examples.ts';
import { vjp } from '../grad/index.ts';
import { applicableLowerings, encode, input, reachable, typecheck, type Value } from '../graph/index.ts';
import { primitives } from './index.ts';

/** Derivatives with respect to the inputs and to every cotangent so far, for new cotangents: up to the third order. */
function orders(y: Value, inputs: readonly Value[]): Value[] {
  const floats = ({ dtype }: Value) => dtype === 'f32' || dtype === 'f64';
  let wrt = inputs.filter(floats);
  let outputs = [y].filter(floats);
  const all = [y];
  for (let order = 1; order <= 3; order++) {
    const cotangents = outputs.map((value, i) => input(`dy${order}/${i}`, value.dtype, value.shape));
    outputs = vjp(outputs, cotangents, wrt);
    all.push(...outputs);
    wrt = [...wrt, ...cotangents];
  }
  return all;
}

const isLeaf = (value: Value) => value.inputs.length === 0;

test('every primitive has an example', () => {
  expect(Object.keys(examples).sort()).toEqual([...primitives().keys()].sort());
});

describe('derivatives up to the third order are made of primitives, well typed, and can be written as ONNX', () => {
  test.each(everyExample())('%s', (_name, primitive, example) => {
    const { y, inputs } = apply(primitive, example, input);
    const values = orders(y, inputs);
    typecheck(values);
    for (const value of reachable(values).filter((each) => !isLeaf(each))) {
      expect(primitives().get(value.op.name)).toBe(value.op);
      expect(applicableLowerings(value), value.op.name).not.toEqual([]);
    }
    const { outputs } = encode(Object.fromEntries(values.map((value, i) => [`out${i}`, value])));
    expect(outputs.size).toBe(values.length);
  });
});
