/*
 * Shows regression with a loss and a metric of one's own: the 0.9 quantile of a noisy curve, by the pinball loss. A
 * loss is a function of two graph values, a metric a function of two rows of numbers.
 */
import {
  adam,
  createModel,
  f32,
  fit,
  type Loss,
  meanAbsoluteError,
  meanMetric,
  randomSplit,
  randomStream,
  tensorDataset,
} from 'graft-ml';
import { linear } from 'graft-ml/nn';
import { maximum, mul, reduceMean, sub, tanh } from 'graft-ml/ops';

const quantile = 0.9;

/** The pinball loss: too low costs nine times as much as too high. */
const pinball: Loss = (output, target) => {
  const error = sub(target, output);
  return reduceMean(maximum(mul(error, quantile), mul(error, quantile - 1)));
};

/** The share of targets below the output: 0.9 is what is wanted, so the distance from it is measured. */
const below = meanMetric('below', { higherIsBetter: true }, ([output], [target]) => Number(target! < output!));

const stream = randomStream(1, 'points');
const x = Float32Array.from({ length: 600 }, () => 6 * stream.uniform() - 3);
const y = x.map((value) => Math.sin(value) + 0.3 * stream.normal());
const data = randomSplit(tensorDataset(f32([600, 1], x), f32([600, 1], y)), { validation: 0.2 });

await using model = createModel(
  (s, value) => {
    const hidden = tanh(linear(s.at('hidden'), value, { features: 32 }));
    return linear(s.at('out'), hidden, { features: 1 });
  },
  { input: { dtype: 'f32', shape: [1] } },
);
const events = fit(model, data, {
  epochs: 60,
  batchSize: 32,
  optimizer: adam({ learningRate: 0.02 }),
  loss: pinball,
  metrics: [meanAbsoluteError(), below],
  best: 'loss',
});
for await (const event of events) {
  if (event.kind !== 'evaluation' || event.epoch % 20 > 0) continue;
  console.log(`epoch ${event.epoch}: pinball ${event.loss.toFixed(3)}, below ${event.below.toFixed(2)}`);
}
const { data: top } = await model.predict(f32([1, 1], [Math.PI / 2]));
console.log(
  `90 % of the points at π/2 are below ${Number(top[0]).toFixed(2)}; by the normal distribution ${(1 + 1.2816 * 0.3).toFixed(2)}`,
);
