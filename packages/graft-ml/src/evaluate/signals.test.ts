import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { runFolder } from '../../../../test/runs.ts';
import { openDataset } from '../data/dataset.ts';
import { diagnose } from '../data/doctor/index.ts';
import { previewAugmentation } from '../data/preview.ts';
import { exportClassifier } from '../export/export-classifier.ts';
import { renewChoices } from '../runtime/index.ts';
import { evaluateFolder } from './evaluate-folder.ts';
import { openRun } from './open-run.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const run = join(root, 'run');
const onnx = join(root, 'model.onnx');

beforeAll(async () => {
  await drawImages(shapes, { perClass: 15 });
  await runFolder(shapes, run, { epochs: 1 });
});

interface Watch {
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

const preview = {
  augmentation: [],
  preprocessing: { resize: 28, crop: 28 },
  fill: [0, 0, 0],
  images: 4,
  views: 1,
} as const;

const work: Readonly<Record<string, (watch: Watch) => Promise<unknown>>> = {
  openDataset: (watch) => openDataset(shapes, watch),
  diagnose: (watch) => diagnose(shapes, watch),
  previewAugmentation: (watch) => previewAugmentation(shapes, { ...preview, seed: 0, ...watch }),
  evaluateFolder: (watch) => evaluateFolder(run, shapes, { threads: 1, part: 'all', ...watch }),
  async exportClassifier({ signal, onProgress }) {
    await using classifier = await openRun(run, { threads: 1 });
    onProgress(1, 1);
    return exportClassifier(classifier, onnx, { signal });
  },
  renewChoices: ({ signal, onProgress }) =>
    renewChoices(['Exp(f32[4]) {}', 'Exp(f32[5]) {}'], {
      threads: 1,
      signal,
      onTuning: ({ done, total }) => onProgress(done, total),
    }),
};

test.each(Object.keys(work))('%s ends with the reason of its signal', async (name) => {
  const controller = new AbortController();
  const reason = new Error('enough');
  let calls = 0;
  const onProgress = () => {
    calls++;
    controller.abort(reason);
  };
  await expect(work[name]!({ signal: controller.signal, onProgress })).rejects.toBe(reason);
  expect(calls).toBeGreaterThan(0);
  expect(existsSync(onnx)).toBe(false);
});
