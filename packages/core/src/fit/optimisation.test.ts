import { expect, test } from 'vitest';
import { run, taskOf } from '../../../../test/toy-run.ts';
import { differing } from '../../../../test/training.ts';
import { crossEntropyLoss } from '../nn/index.ts';
import { clipByNorm, constant, optimizerNames, optimizers, plateau, withWarmup } from '../optim/index.ts';

const schedule = () =>
  withWarmup(plateau({ learningRate: 0.02, factor: 0.5, patience: 0, threshold: 0.2 }), { steps: 3 });

test.each(optimizerNames)(
  'with %s, gradients clipped, a focal loss with class weights and a plateau, a run resumes bit for bit',
  async (name) => {
    const task = () =>
      taskOf({
        optimizer: optimizers[name](),
        schedule,
        clip: (gradients) => clipByNorm(gradients, 0.5).gradients,
        loss: crossEntropyLoss({ focalGamma: 2, classWeights: [0.5, 1, 2] }),
        epochs: 4,
      });
    const whole = await run(task());
    const cut = await run(task(), { stopAfter: 12 });
    const rest = await run(task(), { resume: cut.store.last! });
    expect(differing(whole.store.last!.tensors, rest.store.last!.tensors)).toEqual([]);
    expect(rest.store.last!.phase).toEqual(whole.store.last!.phase);
  },
);

test('the plateau looks at the validation losses of the epochs before', async () => {
  const { events } = await run(taskOf({ schedule }));
  const evaluations = events.filter((event) => event.kind === 'evaluation');
  const losses = evaluations.map(({ loss }) => loss);
  const expected = evaluations.map(({ step, epoch }) => schedule()(step - 1, losses.slice(0, epoch - 1)));
  expect(evaluations.map(({ learningRate }) => learningRate)).toEqual(expected);
  expect(expected.at(-1)!).toBeLessThan(expected[0]!);
});

test('clipping shortens the steps', async () => {
  const moved = async (maximum: number) => {
    const task = taskOf({
      optimizer: optimizers.sgd({ momentum: 0 }),
      schedule: () => constant(1),
      clip: (gradients) => clipByNorm(gradients, maximum).gradients,
      batchNorm: 'frozen',
    });
    const { store } = await run(task, { stopAfter: 1 });
    const { tensors } = store.last!;
    const squares = Object.entries(task.initial).flatMap(([name, { data }]) =>
      [...data].map((value, i) => (Number(value) - Number(tensors[name]!.data[i])) ** 2),
    );
    return Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
  };
  expect(await moved(0.01)).toBeCloseTo(0.01, 5);
  expect(await moved(0.02)).toBeCloseTo(0.02, 5);
});
