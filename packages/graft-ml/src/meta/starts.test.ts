import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { drawImages } from '../../../../test/images.ts';
import { evaluateFolder } from '../evaluate/evaluate-folder.ts';
import { adaptMeta } from './adapt-meta.ts';
import { startFolder, startNames } from './starts.ts';

const require = createRequire(import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'graft-starts-'));
const digits = join(folder, 'digits');

/** Five of each digit to adapt to and ten to be asked about, dark ink on white paper. */
beforeAll(async () => {
  for (let digit = 0; digit < 10; digit++) {
    const { data } = JSON.parse(readFileSync(require.resolve(`mnist/src/digits/${digit}.json`), 'utf8')) as {
      data: number[];
    };
    for (let i = 0; i < 15; i++) {
      const target = join(digits, i < 5 ? 'train' : 'val', String(digit));
      mkdirSync(target, { recursive: true });
      const grey = Uint8Array.from(data.slice(i * 784, (i + 1) * 784), (ink) => Math.round(255 * (1 - ink)));
      await sharp(grey, { raw: { width: 28, height: 28, channels: 1 } })
        .png()
        .toFile(join(target, `${i}.png`));
    }
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the start that comes with Graft adapts to digits, which it never saw, from five of each', async () => {
  expect(startNames()).toEqual(['omniglot']);
  const out = join(folder, 'adapted');
  const { steps, notes, run } = await adaptMeta('omniglot', digits, { out });
  expect(run.warnings).toEqual([]);
  expect(steps).toBe(10);
  expect(notes.join()).toContain('trained on 5 classes at a time, and there are 10');
  const { accuracy } = await evaluateFolder(out, digits, { part: 'validation' });
  // About 0.7 over more images; chance is 0.1.
  expect(accuracy).toBeGreaterThan(0.5);
});

test('images of another kind are told, and negatives for what they are', async () => {
  const photos = await drawImages(join(folder, 'photos'), { perClass: 4, side: 28 });
  const { notes, run } = await adaptMeta('omniglot', photos, { out: join(folder, 'from-photos') });
  const [warning] = run.warnings;
  expect(warning).toMatchObject({ kind: 'far-from-start' });
  expect(warning!.message).toContain('Expect little of it');
  expect(notes).toContain(warning!.message);

  const negatives = join(folder, 'negatives');
  for (const digit of [0, 1]) {
    mkdirSync(join(negatives, String(digit)), { recursive: true });
    for (let i = 0; i < 5; i++) {
      const drawing = sharp(join(digits, 'train', String(digit), `${i}.png`));
      await drawing.negate().toFile(join(negatives, String(digit), `${i}.png`));
    }
  }
  const negative = await adaptMeta('omniglot', negatives, { out: join(folder, 'from-negatives') });
  expect(negative.run.warnings[0]!.message).toContain('As negatives they would be alike: invert them.');
});

test('a name that is neither a folder nor a start', () => {
  expect(() => startFolder('omniglott')).toThrow(
    'omniglott is not there. Expected a run of meta-learning, or a start that comes with Graft: omniglot.',
  );
});
