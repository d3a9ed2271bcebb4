import { describe, expect, test } from 'vitest';
import { input, print } from '../../graph/index.ts';
import { optimizerNames, optimizers } from '../../optim/index.ts';
import { clipOf, lossOf, optimizerOf, parseConfig, resolveConfig, scheduleOf, type TrainConfigInput } from './index.ts';

const resolved = (config: TrainConfigInput) => resolveConfig(parseConfig({ model: 'resnet18', ...config }));

/** The rate at the first step of each of ten epochs of ten steps, of a learning rate of 1. */
function rates(config: TrainConfigInput, losses: readonly number[] = []): number[] {
  const schedule = scheduleOf(resolved({ epochs: 10, learningRate: 1, ...config }))(100);
  return Array.from({ length: 10 }, (_, epoch) => Number(schedule(10 * epoch, losses.slice(0, epoch)).toPrecision(4)));
}

const cosineOf = (fraction: number) => Number(((1 + Math.cos(Math.PI * fraction)) / 2).toPrecision(4));

test.each<[TrainConfigInput, readonly number[]]>([
  [{ schedule: 'constant' }, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]],
  [{ schedule: 'linear' }, [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]],
  [{ schedule: 'linear', warmup: 2 }, [0, 0.5, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]],
  [{ schedule: 'step', stepEpochs: 4 }, [1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01]],
  [{ schedule: 'multi-step' }, [1, 1, 1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01]],
  [
    { schedule: 'multi-step', milestones: [3, 6], decayFactor: 0.5, warmup: 1 },
    [0, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25],
  ],
  [{ schedule: 'exponential', decayFactor: 0.1 }, [1, 0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9]],
  [{ schedule: 'cosine' }, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((epoch) => cosineOf(epoch / 10))],
  [
    { schedule: 'cosine-restarts', restartEpochs: 3 },
    [0, 1 / 3, 2 / 3, 0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 0].map(cosineOf),
  ],
  [{ schedule: 'polynomial', power: 2 }, [1, 0.81, 0.64, 0.49, 0.36, 0.25, 0.16, 0.09, 0.04, 0.01]],
  [{ schedule: 'plateau', plateauPatience: 1 }, [1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001]],
])('%o goes as it says, in epochs', (config, expected) => {
  expect(rates(config, [2, 1, 1, 1, 1, 1, 1, 1, 1])).toEqual(expected);
});

test('one-cycle is at its peak after three tenths of the run, or where the warm-up ends', () => {
  const peak = (config: TrainConfigInput) => {
    const schedule = scheduleOf(resolved({ epochs: 10, learningRate: 1, ...config }))(100);
    const all = Array.from({ length: 100 }, (_, step) => schedule(step, []));
    return all.indexOf(Math.max(...all));
  };
  expect(peak({})).toBe(29);
  expect(peak({ warmup: 5 })).toBe(49);
});

test('a run that is all warm-up is refused', () => {
  expect(() => rates({ schedule: 'cosine', warmup: 10 })).toThrow('warmup 10 leaves nothing of the 10 epochs');
});

describe('an option that nothing would look at is refused', () => {
  test.each<[TrainConfigInput, string]>([
    [{ momentum: 0.8 }, 'momentum means something only with `optimizer` sgd, rmsprop, not with adamw. Leave it out.'],
    [{ optimizer: 'lion', epsilon: 1e-8 }, 'epsilon means something only with `optimizer` adam, adamw,'],
    [{ optimizer: 'rmsprop', nesterov: true }, 'nesterov means something only with `optimizer` sgd, not with rmsprop.'],
    [
      { schedule: 'cosine', milestones: [2, 4] },
      'milestones means something only with `schedule` multi-step, not with cosine',
    ],
    [
      {
        unfreeze: [
          { epoch: 0, train: ['head'] },
          { epoch: 2, train: ['all'] },
        ],
      },
      'unfreeze means something only with `strategy` gradual. Leave it out.',
    ],
    [{ focalGamma: 1 }, 'focalGamma means something only with `loss` focal'],
    [{ plateauPatience: 2 }, 'plateauPatience means something only with `schedule` plateau, not with one-cycle'],
  ])('%o', (config, message) => {
    expect(() => parseConfig(config)).toThrow(message);
  });
  test.each([[], [1, 0], [Number.NaN], '10,20'])('milestones %j', (milestones) => {
    const config = { schedule: 'multi-step', milestones: milestones as number[] } as const;
    expect(() => parseConfig(config)).toThrow('milestones: expected a list of the epochs of the drops, received ');
  });
});

test('every optimizer is made with its own defaults, and with the options that were given', () => {
  for (const name of optimizerNames) {
    const { weightDecay } = resolved({ optimizer: name });
    const made = optimizerOf(resolved({ optimizer: name }));
    expect(made.scalars(3)).toEqual(optimizers[name]({ weightDecay }).scalars(3));
    expect(made.slots).toEqual(optimizers[name]().slots);
  }
  expect(optimizerOf(resolved({ optimizer: 'adam', beta1: 0.5 })).scalars(1).correction1).toBe(2);
  expect(optimizerOf(resolved({ optimizer: 'rmsprop', momentum: 0.5, centered: true })).slots).toEqual([
    'square',
    'mean',
    'momentum',
  ]);
});

test('the loss has the options that were given, and weights from the labels', () => {
  const labels = [0, 0, 0, 0, 2, 2];
  expect(lossOf(resolved({}), labels, 3)).toEqual({ labelSmoothing: 0 });
  expect(lossOf(resolved({ loss: 'focal' }), labels, 3)).toEqual({ labelSmoothing: 0, focalGamma: 2 });
  const balanced = resolved({ loss: 'focal', focalGamma: 1, classWeights: 'balanced', labelSmoothing: 0.1 });
  expect(lossOf(balanced, labels, 3)).toEqual({ labelSmoothing: 0.1, focalGamma: 1, classWeights: [0.5, 0, 1] });
});

test('gradients are clipped where that is asked for', () => {
  expect(clipOf(resolved({}))).toBeUndefined();
  const [gradient] = clipOf(resolved({ clipNorm: 1, clipValue: 0.5 }))!([input('g', 'f32', [3])]);
  expect(print({ gradient: gradient! })).toMatch(/Clip.*ReduceSum.*Sqrt/s);
});
