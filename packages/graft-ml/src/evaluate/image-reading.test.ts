import { mkdirSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { runFolder } from '../../../../test/runs.ts';
import { exportClassifier } from '../export/export-classifier.ts';
import { readRun } from '../runs/read-run.ts';
import { type Classifier, openModel } from './classifier.ts';
import { openRun } from './open-run.ts';

ownCache();
const root = temporaryFolder();
const opened: Classifier[] = [];
afterAll(() => Promise.all(opened.map((classifier) => classifier.close())));

/**
 * The same pixels twice: in files that say how to read them, by a colour profile and an orientation, and in plain ones.
 */
let described: string[];
let plain: string[];

beforeAll(async () => {
  const photos = await drawImages(join(root, 'photos'), { perClass: 8 });
  await runFolder(photos, join(root, 'applied'), { imageSize: 30, epochs: 1 });
  await runFolder(photos, join(root, 'ignored'), {
    imageSize: 30,
    epochs: 1,
    colourProfile: 'ignore',
    orientation: 'ignore',
  });
  for (const name of ['described', 'plain']) mkdirSync(join(root, name));
  for (const file of readdirSync(join(photos, 'disc')).slice(0, 4)) {
    const wide = sharp(join(photos, 'disc', file)).resize(48, 32, { fit: 'fill' });
    const described = await wide.withIccProfile('p3').withMetadata({ orientation: 6, icc: 'p3' }).png().toBuffer();
    await sharp(described)
      .keepMetadata()
      .toFile(join(root, 'described', file));
    await sharp(described, { ignoreIcc: true })
      .png()
      .toFile(join(root, 'plain', file));
  }
  [described, plain] = ['described', 'plain'].map((name) =>
    readdirSync(join(root, name)).map((file) => join(root, name, file)),
  ) as [string[], string[]];
});

async function probabilities(classifier: Classifier, files: readonly string[]): Promise<number[][]> {
  opened.push(classifier);
  const rows: number[][] = [];
  for await (const { probabilities, path } of classifier.predict(files)) {
    if (!probabilities) throw new Error(`${basename(path)} was not read`);
    rows.push([...probabilities]);
  }
  return rows;
}

it('a run keeps how it reads profiles and orientations, and so does what is made of it', async () => {
  const run = join(root, 'ignored');
  const reading = { colourProfile: 'ignore', orientation: 'ignore' };
  expect((await readRun(run)).preprocessing).toMatchObject(reading);
  const classifier = await openRun(run);
  expect(classifier.preprocessing).toMatchObject(reading);
  const seen = await probabilities(classifier, described);
  expect(seen).toEqual(await probabilities(classifier, plain));

  const { path } = await exportClassifier(classifier, join(root, 'ignored.onnx'));
  const exported = await openModel({ name: path }, { device: 'cpu' });
  expect(exported.preprocessing).toMatchObject(reading);
  const again = await probabilities(exported, described);
  const worst = Math.max(...again.flat().map((value, i) => Math.abs(value - seen.flat()[i]!)));
  expect(worst).toBeLessThan(1e-5);
});

it('by default both are applied', async () => {
  const classifier = await openRun(join(root, 'applied'));
  expect(classifier.preprocessing).not.toHaveProperty('colourProfile');
  expect(await probabilities(classifier, described)).not.toEqual(await probabilities(classifier, plain));
});
