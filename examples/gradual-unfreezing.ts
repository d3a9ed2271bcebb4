/*
 * Shows gradual unfreezing (Howard & Ruder 2018): the head alone first, then block by block from the top. A schedule
 * that falls over the whole run would hardly move the blocks that come last, so it restarts with each of them.
 *
 *   node gradual-unfreezing.js photos
 */
import { adamw, fit, imageFolder, loadModel, numbersOf, oneCycle } from 'graft-ml';

const [folder = 'photos', weights = 'default', imageSize = '224'] = process.argv.slice(2);
await using images = await imageFolder(folder);
await using model = await loadModel('resnet18', {
  classes: images.classes,
  weights: weights === 'none' ? null : weights,
  imageSize: Number(imageSize),
});
model.freeze();
const before = model.variables;

const events = fit(model, images, {
  epochs: 4,
  batchSize: 8,
  optimizer: adamw({ learningRate: 1e-4, rates: { head: 1e-3 } }),
  schedule: oneCycle(),
  unfreeze: [
    { epoch: 1, train: ['head'] },
    { epoch: 3, train: ['layer4'], restart: true },
    { epoch: 4, train: ['layer3'], restart: true },
  ],
});
for await (const event of events) {
  if (event.kind === 'stage') console.log(`from epoch ${event.epoch} on: ${event.name}`);
  if (event.kind === 'evaluation')
    console.log(`  ${event.learningRate.toExponential(1)}: accuracy ${event.accuracy.toFixed(3)}`);
}

/** How far the model is from where it began: the largest change of an element. */
function moved(name: string): number {
  const [from, to] = [numbersOf(before[name]!), numbersOf(model.variables[name]!)];
  return to.reduce((most, value, i) => Math.max(most, Math.abs(value - from[i]!)), 0);
}
for (const name of ['fc.weight', 'layer4.1.conv2.weight', 'layer3.1.conv2.weight', 'layer2.1.conv2.weight']) {
  console.log(`${name} moved by ${moved(name).toExponential(1)}`);
}
