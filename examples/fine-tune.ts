/*
 * Shows transfer learning end to end: a folder of images, a pretrained network with a new head, the last block and the
 * head trained at rates of their own, and what comes of it evaluated, saved as a run and exported to ONNX.
 *
 *   node fine-tune.js photos
 */
import { adamw, fit, imageFolder, loadModel, oneCycle } from 'graft-ml';

const [folder = 'photos', weights = 'default', imageSize = '224'] = process.argv.slice(2);

await using images = await imageFolder(folder, { validation: 0.2, seed: 1 });
await using model = await loadModel('resnet18', {
  classes: images.classes, // other classes than ImageNet's, so the head is new
  weights: weights === 'none' ? null : weights,
  imageSize: Number(imageSize),
});
model.freeze().unfreeze('layer4', 'head');

const events = fit(model, images, {
  epochs: 3,
  optimizer: adamw({ rates: { head: 1e-3, layer4: 1e-4 } }),
  schedule: oneCycle(),
  augment: 'standard',
});
for await (const event of events) {
  if (event.kind !== 'evaluation') continue;
  console.log(`epoch ${event.epoch}: loss ${event.loss.toFixed(3)}, accuracy ${event.accuracy.toFixed(3)}`);
}

console.log(await model.evaluate(images.validation));
await model.save('runs/fine-tuned', { overwrite: true }); // `graft predict runs/fine-tuned cat.jpg` opens it
console.log(`model.onnx has ${await model.export('model.onnx')} bytes`);
