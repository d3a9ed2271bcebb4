import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { fingerprint, openDataset } from 'graft-ml/internal/data/dataset';
import { describe, expect, test } from 'vitest';
import { drawImages, temporaryFolder } from '../../../../test/images.ts';
import {
  contentKey,
  decodeSeen,
  encodeSeen,
  joinKeys,
  nothingSeen,
  type Seen,
  seenAfter,
  seenSchema,
  splitKeys,
} from './seen.ts';

const root = temporaryFolder();
const key = fc.stringMatching(/^[0-9a-f]{12}$/);

describe('the record', () => {
  test('comes back from a file as it was, and takes eight characters for each image', () => {
    fc.assert(
      fc.property(fc.uniqueArray(key), fc.uniqueArray(key), fc.boolean(), (fitted, chosen, isComplete) => {
        const seen: Seen = { fitted: new Set(fitted), chosen: new Set(chosen), history: ['train'], isComplete };
        const record = seenSchema.parse(JSON.parse(JSON.stringify(encodeSeen(seen))));
        expect(record.fitted).toHaveLength(8 * fitted.length);
        expect(decodeSeen(record)).toEqual(seen);
      }),
      { seed: 1 },
    );
  });

  test('keeps which image has which key, also where one could not be read', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(key, fc.constant(''))), (keys) => {
        expect(splitKeys(joinKeys(keys))).toEqual(keys);
      }),
      { seed: 1 },
    );
  });

  test('grows from hand to hand', () => {
    const first = seenAfter(nothingSeen, 'meta train', { fitted: ['a'], chosen: ['b'] });
    const second = seenAfter(first, 'meta adapt', { fitted: ['c'], chosen: [] });
    expect(second).toEqual({
      fitted: new Set(['a', 'c']),
      chosen: new Set(['b']),
      history: ['meta train', 'meta adapt'],
      isComplete: true,
    });
    expect(seenAfter({ ...first, isComplete: false }, 'train', { fitted: [], chosen: [] }).isComplete).toBe(false);
  });

  test.each(['AAA', 'AAAAAAAAAAAA', 'AAAA AAA'])('refuses %j, which is cut short or no base64', (fitted) => {
    expect(seenSchema.safeParse({ ...encodeSeen(nothingSeen), fitted }).success).toBe(false);
  });
});

describe('a dataset that the weights know in part', () => {
  const shapes = drawImages(join(root, 'shapes'), { perClass: 10, side: 16 });
  const knowing = (fitted: readonly { sha256: string }[], chosen: readonly { sha256: string }[] = []): Seen => ({
    ...nothingSeen,
    fitted: new Set(fitted.map(contentKey)),
    chosen: new Set(chosen.map(contentKey)),
  });

  test('validates with others, as many as before', async () => {
    const plain = await openDataset(await shapes);
    expect(plain.validation).toHaveLength(6);
    const split = await openDataset(await shapes, { seen: knowing(plain.validation) });
    expect(split.validation).toHaveLength(6);
    expect(split.validation.filter((image) => plain.validation.some(({ path }) => path === image.path))).toEqual([]);
    expect(split.train).toHaveLength(24);
    expect(fingerprint(split)).toBe(fingerprint(plain));
  });

  test('validates with fewer where there are not enough, and in no fold with any that are known', async () => {
    const { train, validation } = await openDataset(await shapes);
    const seen = knowing(train.filter(({ label }) => label === 0));
    const few = await openDataset(await shapes, { seen, validationFraction: 0.5 });
    expect([0, 1, 2].map((label) => few.validation.filter((image) => image.label === label).length)).toEqual([2, 5, 5]);
    for (const index of [1, 2, 3]) {
      const fold = await openDataset(await shapes, { seen: knowing(validation), fold: { index, of: 3 } });
      expect(fold.validation.filter((image) => validation.some(({ path }) => path === image.path))).toEqual([]);
      expect(fold.train.length + fold.validation.length).toBe(30);
    }
  });

  test('of its own parts leaves out what is known, and of a test part what was chosen by', async () => {
    const parted = join(root, 'parted');
    const source = await drawImages(join(root, 'source'), { perClass: 9, side: 16 });
    for (const name of readdirSync(source)) {
      ['train', 'val', 'test'].forEach((part, i) => {
        mkdirSync(join(parted, part, name), { recursive: true });
        for (const file of readdirSync(join(source, name)).slice(0, 3)) {
          renameSync(join(source, name, file), join(parted, part, name, `${i}-${file}`));
        }
      });
    }
    const plain = await openDataset(parted);
    const seen = knowing(
      [plain.train[0]!, plain.validation[0]!, plain.test[0]!],
      [plain.validation[1]!, plain.test[1]!],
    );
    const split = await openDataset(parted, { seen });
    expect([split.train, split.validation, split.test].map(({ length }) => length)).toEqual([9, 8, 7]);
    expect(split.keptOut.map(({ path }) => path)).toEqual(
      [plain.test[0]!, plain.test[1]!, plain.validation[0]!].map(({ path }) => path),
    );
    expect(fingerprint(split)).toBe(fingerprint(plain));
  });
});
