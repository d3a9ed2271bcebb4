import { input, type Value } from '@graft-ml/core/graph';
import { i64, type Tensor, type Tensors, zeros } from '@graft-ml/core/internal/base/tensor';
import {
  feedNames,
  type Network,
  resultNames,
  scalarName,
  slotName,
  trainingStep,
  variablesOf,
} from '@graft-ml/core/internal/fit/step';
import { applyModel, getModel } from '@graft-ml/core/models';
import { crossEntropyLoss, drawNoise, initialise } from '@graft-ml/core/nn';
import { add, matmul, mul, sub, transpose } from '@graft-ml/core/ops';
import { adamw, lamb, lion, type Optimizer, sgd } from '@graft-ml/core/optim';
import { copy, State, scalar } from '@graft-ml/core/runtime';
import { describe, expect, test } from 'vitest';
import { defaultChoices, gaussian } from '../../../../test/run.ts';
import { cpuBackend, createRuntime } from './create.ts';

type Outputs = Readonly<Record<string, Value>>;

/** All that there is after each of three steps, and the parts of the state that were written over. */
async function threeSteps(outputs: Outputs, initial: Tensors, feeds: (step: number) => Tensors, overwrites = true) {
  const { overwriting, ...others } = cpuBackend(2);
  const runtime = createRuntime({
    cache: null,
    backend: { ...others, ...(overwrites && { overwriting: overwriting! }) },
    choices: defaultChoices(outputs),
  });
  await using program = await runtime.compile(outputs);
  const state = new State(initial);
  const after: Record<string, Tensor>[] = [];
  for (let step = 0; step < 3; step++) {
    const results = await state.step(program, feeds(step));
    const all = Object.entries({ ...state.current, ...results });
    after.push(Object.fromEntries(all.map(([name, value]) => [name, copy(value)])));
  }
  return { after, overwritten: [...program.overwritten].sort() };
}

describe('a part of the state is written where it is read, and nothing reads it later', () => {
  const shape = [256, 256];
  const [w, v, x] = ['w', 'v', 'x'].map((name) => input(name, 'f32', shape)) as [Value, Value, Value];
  const rate = input('rate', 'f32', []);
  const updated = sub(w, mul(matmul(x, x), rate));
  const turned = transpose(w, [1, 0]);

  test.each<[string, Outputs, string[]]>([
    ['one that only its own update reads', { v: add(mul(v, 0.9), x) }, ['v']],
    ['one that another output reads', { w: updated, late: matmul(x, w) }, ['w']],
    [
      'one that it reads by its transpose, which ORT merges into the product',
      { w: updated, late: matmul(x, turned) },
      ['w'],
    ],
    ['one whose transpose is an output', { w: updated, late: turned }, ['w']],
    [
      'one whose update is used by another',
      { w: updated, v: add(mul(v, rate), updated), late: matmul(x, w) },
      ['v', 'w'],
    ],
    ['not one that is an output as it was', { w: updated, old: w }, []],
    ['not one whose numbers move about', { w: turned }, []],
    ['not one that is read elsewhere than it is written', { w: sub(w, turned) }, []],
    ['not one whose update depends on no number that is fed', { w: sub(w, matmul(x, x)), late: matmul(x, w) }, []],
    ['not one that is read beside its update', { w: updated, late: matmul(w, updated) }, []],
  ])('%s', async (_name, outputs, names) => {
    const initial = { w: gaussian(shape, 'w'), v: gaussian(shape, 'v') };
    const feeds = (step: number) => ({ x: gaussian(shape, 'x', step), rate: scalar(0.01) });
    const overwriting = await threeSteps(outputs, initial, feeds);
    expect(overwriting.overwritten).toEqual(names);
    expectSame(overwriting.after, (await threeSteps(outputs, initial, feeds, false)).after);
  });

  test('small parts have two buffers', async () => {
    const small = input('small', 'f32', [255, 256]);
    const { overwritten } = await threeSteps(
      { small: mul(small, 0.5) },
      { small: gaussian([255, 256], 'small') },
      () => ({}),
    );
    expect(overwritten).toEqual([]);
  });
});

describe('training steps are the same to the bit', () => {
  test.each<[string, number, Optimizer]>([
    ['resnet18', 64, sgd({ weightDecay: 1e-4 })],
    ['mobilenet_v3_small', 64, adamw()],
    ['swin_t', 32, lion()],
    ['squeezenet1_1', 64, lamb()],
  ])('%s, %i px', async (name, side, optimizer) => {
    const model = getModel(name);
    const network: Network = {
      input: { dtype: 'f32', shape: [3, side, side] },
      forward: (s, images) => applyModel(model, s, images, { numClasses: 10 }),
    };
    const variables = variablesOf(network);
    const parameters = [...variables.values()].filter(({ kind }) => kind === 'parameter');
    const { outputs, noise } = trainingStep(network, {
      batchSize: 2,
      optimizer,
      settings: new Map(parameters.map((parameter) => [parameter.name, { rate: 1 }])),
      batchNorm: 'running',
      loss: crossEntropyLoss(),
    });
    const slots = parameters.flatMap((parameter) =>
      optimizer.slots.map((slot) => [slotName(slot, parameter.name), zeros('f32', parameter.shape)] as const),
    );
    const initial = { ...initialise(variables.values(), 0), ...Object.fromEntries(slots) };
    const feeds = (step: number): Tensors => {
      const numbers = Object.entries({ learningRate: 1e-3, ...optimizer.scalars(step + 1) });
      return {
        [feedNames.input]: gaussian([2, 3, side, side], 'images', step),
        [feedNames.targets]: i64([2], [step, 7]),
        ...drawNoise(noise, 0, step),
        ...Object.fromEntries(numbers.map(([of, value]) => [scalarName(of), scalar(value)])),
      };
    };
    const overwriting = await threeSteps(outputs, initial, feeds);
    const usual = await threeSteps(outputs, initial, feeds, false);
    const large = Object.keys(initial).filter((of) => initial[of]!.data.length >= 2 ** 16);
    expect(overwriting.overwritten).toEqual(large.sort());
    expect(usual.overwritten).toEqual([]);
    expect(Number.isFinite(Number(usual.after[2]![resultNames.loss]!.data[0]))).toBe(true);
    expectSame(overwriting.after, usual.after);
  });
});

type Steps = readonly Readonly<Record<string, Tensor>>[];

/** Compares bytes, as `toEqual` takes seconds for millions of numbers. */
function expectSame(some: Steps, others: Steps): void {
  const bytesOf = ({ data }: Tensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  for (const [step, all] of some.entries()) {
    expect(Object.keys(all)).toEqual(Object.keys(others[step]!));
    const different = Object.keys(all).filter((name) => !bytesOf(all[name]!).equals(bytesOf(others[step]![name]!)));
    expect(different, `step ${step + 1}`).toEqual([]);
  }
}
