/*
 * Shows a training loop of one's own, as PyTorch's courses write it: a small residual network on drawn shapes,
 * gradients of two batches for each step, clipping, a schedule, layers that are frozen for some epochs in the middle,
 * and a moving average of the weights.
 */
import { createModel, createTrainer, randomSplit, randomStream, sgd, tensorDataset, zeros } from 'graft-ml';
import type { Value } from 'graft-ml/graph';
import { batchNorm, conv2d, globalAveragePool, linear, type Scope } from 'graft-ml/nn';
import { add, maxPool, relu } from 'graft-ml/ops';

const [count, side, epochs, batchSize, accumulate] = [480, 12, 12, 16, 2];

/** Discs, squares and crosses of different sizes and places, in noise. */
function drawShapes() {
  const images = zeros('f32', [count, 1, side, side]);
  for (let n = 0, i = 0; n < count; n++) {
    const stream = randomStream(0, 'image', n);
    const [radius, left, top] = [2 + stream.uniform(), 3 + 5 * stream.uniform(), 3 + 5 * stream.uniform()];
    for (let pixel = 0; pixel < side ** 2; pixel++) {
      const [dx, dy] = [Math.abs((pixel % side) - left), Math.abs(Math.floor(pixel / side) - top)];
      const [near, far] = [Math.min(dx, dy), Math.max(dx, dy)];
      const isInside = [Math.hypot(dx, dy) < radius, far < radius, near < 1 && far < radius + 1][n % 3];
      images.data[i++] = Number(isInside) + 0.4 * stream.normal();
    }
  }
  const labels = Array.from({ length: count }, (_, n) => n % 3);
  return randomSplit(tensorDataset(images, labels), { validation: 0.25 });
}

function convolution(s: Scope, x: Value): Value {
  return batchNorm(s.at('bn'), conv2d(s.at('conv'), x, { channels: 12, kernel: 3, padding: 1, bias: false }));
}
function block(s: Scope, x: Value): Value {
  return relu(add(x, convolution(s.at('second'), relu(convolution(s.at('first'), x)))));
}
function network(s: Scope, images: Value): Value {
  const x = maxPool(block(s.at('layer1'), relu(convolution(s.at('stem'), images))), { kernel: [2, 2] });
  return linear(s.at('head'), globalAveragePool(block(s.at('layer2'), x)), { features: 3 });
}

const { train, validation } = drawShapes();
const steps = epochs * Math.floor(train.size / batchSize / accumulate);
await using model = createModel(network, { input: { dtype: 'f32', shape: [1, side, side] } });
await using trainer = createTrainer(model, { optimizer: sgd({ momentum: 0.9 }), clip: { norm: 1 }, average: 0.95 });
for (let epoch = 1; epoch <= epochs; epoch++) {
  if (epoch === 7) model.freeze('stem', 'layer1');
  if (epoch === 10) model.unfreeze('layer1');
  const losses: number[] = [];
  for await (const batch of trainer.batches(train, { epoch, batchSize })) {
    const learningRate = 0.1 * Math.min(1, (trainer.steps + 1) / 10) * (1 - trainer.steps / steps);
    const isLast = losses.length % accumulate === accumulate - 1;
    const { loss } = isLast ? await trainer.step(batch, { learningRate }) : await trainer.gather(batch);
    losses.push(loss);
  }
  const mean = losses.reduce((sum, loss) => sum + loss) / losses.length;
  const { accuracy } = await trainer.evaluate(validation);
  console.log(`${epoch}: ${model.trainable.size} trained, loss ${mean.toFixed(3)}, accuracy ${accuracy.toFixed(3)}`);
}
model.load(trainer.averages());
console.log(`the model: ${JSON.stringify(await model.evaluate(validation))}`);
