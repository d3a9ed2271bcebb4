/*
 * Shows a study: which learning rate, optimizer and head suit these images, by trials that learn from each other, two
 * at a time and in half of the epochs where they promise nothing. Stopped, it is gone on with by the same call.
 *
 *   node study.js photos
 */
import { existsSync } from 'node:fs';
import { resumeStudy, runStudy, type StudyDefinitionInput } from 'graft-ml/study';

const [data = 'photos', weights = 'default', imageSize = '224', trials = '20'] = process.argv.slice(2);
const out = 'runs/study';

const study: StudyDefinitionInput = {
  data,
  space: {
    learningRate: { kind: 'float', low: 1e-4, high: 1e-1, log: true },
    optimizer: { kind: 'categorical', choices: ['sgd', 'adamw'] },
    head: { kind: 'categorical', choices: [null, [32, 'relu', { dropout: 0.3 }]] },
  },
  options: {
    ...(weights === 'none' ? { model: 'conv4' } : { model: 'resnet18', strategy: 'feature-extraction' }),
    imageSize: Number(imageSize),
    epochs: 4,
  },
  pruner: { kind: 'median' },
  budget: { trials: Number(trials) },
};

for await (const event of existsSync(`${out}/study.db`) ? resumeStudy(out) : runStudy(study, { out })) {
  if (event.kind === 'complete') console.log(`trial ${event.trial}: accuracy ${event.value.toFixed(3)}`);
  if (event.kind === 'pruned') console.log(`trial ${event.trial}: stopped after epoch ${event.step}`);
  if (event.kind === 'end') {
    const { best, test } = event.study;
    console.log(`best: trial ${best!.number}, accuracy ${best!.value!.toFixed(3)}`, best!.parameters);
    // The best of many is optimistic. What nothing was chosen by is not.
    if (test) console.log(`on ${test.count} test images: ${test.accuracy.toFixed(3)}`);
  }
}
