/*
 * Shows partial transfer by ratio: which share of a pretrained network should stay as it is? The same network is
 * trained with none of its blocks frozen, with half of them, and with all, and the accuracies are compared.
 *
 *   node partial-transfer.js photos
 */
import { adamw, fit, imageFolder, loadModel } from 'graft-ml';

const [folder = 'photos', weights = 'default', imageSize = '224'] = process.argv.slice(2);
await using images = await imageFolder(folder, { seed: 1 });

for (const ratio of [0, 0.5, 1]) {
  await using model = await loadModel('resnet18', {
    classes: images.classes,
    weights: weights === 'none' ? null : weights,
    imageSize: Number(imageSize),
  });
  const blocks = [...model.table.blocks.keys()].filter((block) => block !== 'head'); // stem, layer1 … layer4
  const frozen = blocks.slice(0, Math.round(ratio * blocks.length));
  if (frozen.length > 0) model.freeze(...frozen);

  let accuracy = 0;
  const optimizer = adamw({ learningRate: 1e-4, rates: { head: 1e-3 } });
  for await (const event of fit(model, images, { epochs: 2, batchSize: 8, optimizer })) {
    if (event.kind === 'end') accuracy = event.best.accuracy;
  }
  console.log(`frozen: ${frozen.join(', ') || 'nothing'}; accuracy ${accuracy.toFixed(3)}`);
}
