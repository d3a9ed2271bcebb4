/*
 * Shows what every course begins with: ResNet-18 with its last layer replaced, first as a feature extractor (everything
 * but the new layer frozen), then fine-tuned, with learning rates that fall from the head to the stem.
 *
 *   node last-layer.js photos
 */
import { constant, fit, imageFolder, loadModel, type Model, sgd } from 'graft-ml';

const [folder = 'photos', weights = 'default', imageSize = '224'] = process.argv.slice(2);
await using images = await imageFolder(folder);
await using model = await loadModel('resnet18', {
  classes: images.classes,
  weights: weights === 'none' ? null : weights,
  imageSize: Number(imageSize),
});

function count(model: Model): string {
  const sizes = model.parameters().map(({ size, isTrainable }) => (isTrainable ? size : 0));
  return `${sizes.reduce((sum, size) => sum + size, 0)} parameters are trained`;
}

// The frozen layers run once over the images; after that an epoch takes milliseconds.
model.freeze().unfreeze('fc');
console.log(`Feature extraction: ${count(model)}`);
const head = sgd({ learningRate: 0.01, momentum: 0.9 });
for await (const event of fit(model, images, { epochs: 5, optimizer: head, schedule: constant() })) {
  if (event.kind === 'evaluation') console.log(`epoch ${event.epoch}: accuracy ${event.accuracy.toFixed(3)}`);
}

// The first pattern that matches a parameter decides; what none matches, the stem here, goes by learningRate.
model.unfreeze();
console.log(`Fine-tuning: ${count(model)}`);
const all = sgd({ learningRate: 1e-4, rates: { fc: 1e-2, layer4: 1e-3, 'layer{1,2,3}.*': 3e-4 } });
for await (const event of fit(model, images, { epochs: 1, batchSize: 8, optimizer: all, schedule: constant() })) {
  if (event.kind === 'evaluation') console.log(`epoch ${event.epoch}: accuracy ${event.accuracy.toFixed(3)}`);
}
