/*
 * Shows classification with several labels per example: binary cross entropy of logits, targets that are rows of 0 and
 * 1, rare labels weighted up, and the share of right labels and F1 as metrics.
 */
import {
  adam,
  bceWithLogitsLoss,
  createModel,
  f1Score,
  fit,
  multilabelAccuracy,
  randomSplit,
  randomStream,
  tensorDataset,
  zeros,
} from 'graft-ml';
import { linear } from 'graft-ml/nn';
import { relu } from 'graft-ml/ops';

// Points in the plane and what they are: right of the middle, above it, and outside of a circle, which is rare.
const n = 800;
const [points, labels] = [zeros('f32', [n, 2]), zeros('f32', [n, 3])];
const stream = randomStream(7, 'points');
for (let i = 0; i < n; i++) {
  const [x, y] = [stream.normal(), stream.normal()];
  points.data.set([x, y], 2 * i);
  labels.data.set([Number(x > 0), Number(y > 0), Number(Math.hypot(x, y) > 2)], 3 * i);
}

await using model = createModel(
  (s, x) => {
    const first = relu(linear(s.at('first'), x, { features: 32 }));
    return linear(s.at('out'), relu(linear(s.at('second'), first, { features: 32 })), { features: 3 });
  },
  { input: { dtype: 'f32', shape: [2] } },
);
const events = fit(model, randomSplit(tensorDataset(points, labels), { validation: 0.25 }), {
  epochs: 30,
  batchSize: 32,
  optimizer: adam({ learningRate: 0.01 }),
  loss: bceWithLogitsLoss({ positiveWeights: [1, 1, 4] }),
  metrics: [f1Score(), multilabelAccuracy()],
});
for await (const event of events) {
  if (event.kind === 'end')
    console.log(`F1 ${event.best.f1Score.toFixed(3)}, labels right ${event.best.multilabelAccuracy.toFixed(3)}`);
}
