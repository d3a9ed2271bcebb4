/*
 * Shows a head of several layers with dropout in place of a single linear one, trained on the features of a frozen
 * backbone with label smoothing, early stopping, and the best epoch kept.
 *
 *   node deep-head.js photos
 */
import { adamw, crossEntropyLoss, fit, imageFolder, loadModel } from 'graft-ml';

const [folder = 'photos', weights = 'default', imageSize = '224'] = process.argv.slice(2);
await using images = await imageFolder(folder);
await using model = await loadModel('resnet18', {
  classes: images.classes,
  head: [64, 'relu', { dropout: 0.3 }],
  weights: weights === 'none' ? null : weights,
  imageSize: Number(imageSize),
});
model.freeze().unfreeze('head');
for (const { name, shape, isTrainable } of model.parameters())
  if (isTrainable) console.log(`${name} (${shape.join(', ')})`);

const events = fit(model, images, {
  epochs: 30,
  patience: 5,
  optimizer: adamw({ learningRate: 3e-3 }),
  loss: crossEntropyLoss({ labelSmoothing: 0.1 }),
});
for await (const event of events) {
  if (event.kind === 'end') console.log(`best: epoch ${event.best.epoch}, accuracy ${event.best.accuracy.toFixed(3)}`);
}
