import { createRuntime } from 'graft-ml/internal/runtime/index';
import { expect, test } from 'vitest';
import { golden, relativeError, withPrefix } from '../../../../test/golden.ts';
import { collect } from '../../../../test/training.ts';
import { f32, type Tensors } from '../base/tensor.ts';
import { crossEntropyLoss, huberLoss, linear } from '../nn/index.ts';
import { relu } from '../ops/index.ts';
import { adamw, cosine, oneCycle, sgd } from '../optim/index.ts';
import type { TrainEvent } from './events.ts';
import { tensorDataset } from './examples.ts';
import { fit } from './fit.ts';
import { createModel, type Model } from './model.ts';

/* The training loop that a person would write in PyTorch, and `fit`. One batch an epoch, so that no order matters. */

const { tensors } = golden('fit');
const runtime = createRuntime({ cache: null, threads: 1 });
const input = { dtype: 'f32', shape: [6] } as const;
const [epochs, batchSize] = [12, 24];

function losses<M extends string>(events: readonly TrainEvent<M>[]) {
  return f32(
    [epochs],
    events.flatMap((event) => (event.kind === 'step' ? [event.loss] : [])),
  );
}

/** The last step's values: a model has those of its best epoch. */
function lastState() {
  const kept: { tensors: Tensors } = { tensors: {} };
  const store = {
    record: async () => {},
    saveBest: async () => {},
    saveLast: async (state: Tensors) => {
      kept.tensors = Object.fromEntries(
        Object.entries(state).map(([name, { ...value }]) => [
          name,
          { ...value, data: value.data.slice() } as typeof value,
        ]),
      );
    },
  };
  return { store, kept };
}

function expectEnd(model: Model, state: Tensors, end: Tensors): void {
  for (const [name, expected] of Object.entries(end)) {
    expect(relativeError(state[name] ?? model.variables[name]!, expected), name).toBeLessThan(2e-5);
  }
}

test('a classifier: AdamW by groups, one-cycle, clipping, label smoothing, a frozen layer', async () => {
  const model = createModel(
    (s, x) => {
      const stem = relu(linear(s.at('stem'), x, { features: 8 }));
      return linear(s.at('head'), relu(linear(s.at('middle'), stem, { features: 8 })), { features: 3 });
    },
    { input, runtime, weights: withPrefix(tensors, 'start/') },
  );
  const { store, kept } = lastState();
  const events = await collect(
    fit(
      model.freeze('stem'),
      { train: tensorDataset(tensors.x!, tensors.labels!) },
      {
        ...{ epochs, batchSize, store },
        optimizer: adamw({ weightDecay: 0.05, rates: { head: 2e-2, middle: 2e-3 } }),
        schedule: oneCycle(),
        loss: crossEntropyLoss({ labelSmoothing: 0.1 }),
        clip: { norm: 0.3 },
      },
    ),
  );
  expect(relativeError(losses(events), tensors.losses!)).toBeLessThan(1e-5);
  expectEnd(model, kept.tensors, withPrefix(tensors, 'end/'));
});

test('regression: a Huber loss, SGD with momentum, a cosine', async () => {
  const weights = withPrefix(tensors, 'regression/start/');
  const model = createModel((s, x) => linear(s.at('out'), x, { features: 2 }), { input, runtime, weights });
  const { store, kept } = lastState();
  const data = { train: tensorDataset(tensors.x!, tensors['regression/target']!) };
  const optimizer = sgd({ learningRate: 0.05, momentum: 0.9 });
  const options = {
    epochs,
    batchSize,
    optimizer,
    schedule: cosine(),
    loss: huberLoss({ delta: 0.5 }),
    metrics: [],
    store,
  };
  const events = await collect(fit(model, data, options));
  expect(relativeError(losses(events), tensors['regression/losses']!)).toBeLessThan(1e-5);
  expectEnd(model, kept.tensors, withPrefix(tensors, 'regression/end/'));
});
