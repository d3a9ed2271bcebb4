import { createHash } from 'node:crypto';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readOnnxMetadata } from '@graft-ml/core/internal/graph/onnx-metadata';
import { decodeSeen, type Seen } from '@graft-ml/core/internal/image/seen';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun, runFolder } from '../../../../test/runs.ts';
import { collect } from '../../../../test/training.ts';
import { readSafetensorsFile, writeSafetensorsFile } from '../checkpoint/safetensors-file.ts';
import { evaluateFolder } from '../evaluate/evaluate-folder.ts';
import { openRun } from '../evaluate/open-run.ts';
import { exportClassifier } from '../export/export-classifier.ts';
import { readRun } from '../runs/read-run.ts';
import { adaptMeta } from './adapt-meta.ts';
import { trainMeta } from './train-meta.ts';

ownCache();
const root = temporaryFolder();
const path = (name: string) => join(root, name);
const [shapes, others] = [path('shapes'), path('others')];

/** The keys of all images in a folder. */
function keysIn(folder: string): Set<string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Set(
    files.map(({ parentPath, name }) =>
      createHash('sha256')
        .update(readFileSync(join(parentPath, name)))
        .digest('hex')
        .slice(0, 12),
    ),
  );
}

async function seenBy(run: string): Promise<Seen> {
  const { metadata } = await readSafetensorsFile(join(run, 'best.safetensors'));
  return decodeSeen(JSON.parse(metadata.seen!));
}

const partial = { weights: path('adapted'), transferRatio: 0.4, epochs: 2, imageSize: 16, model: 'conv4_32' } as const;

beforeAll(async () => {
  await drawImages(shapes, { classes: ['cross', 'disc', 'square'], perClass: 10, side: 16 });
  await drawImages(others, {
    classes: ['bar', 'ring', 'disc', 'square', 'cross'],
    perClass: 6,
    side: 16,
    first: 500,
  });
  await collect(
    trainMeta(
      others,
      {
        ...{ model: 'conv4_32', imageSize: 16, way: 2, shots: 2, queries: 2, metaBatch: 2, metaSteps: 2 },
        ...{
          validateEvery: 2,
          episodes: 2,
          split: { classes: { train: 3, validation: 1, test: 1 } },
          rotations: 'all',
          threads: 1,
        },
      },
      { out: path('start') },
    ),
  );
  await adaptMeta(path('start'), shapes, { out: path('adapted'), shots: 5 });
});

describe('what a start has seen', () => {
  test('travels from meta-training to the adapted run', async () => {
    const [meta, all] = [await seenBy(path('start')), keysIn(others)];
    expect([meta.fitted.size, meta.chosen.size, meta.history]).toEqual([18, 6, ['meta train']]);
    expect([...meta.fitted, ...meta.chosen].filter((key) => !all.has(key))).toEqual([]);
    const adapted = await seenBy(path('adapted'));
    expect([adapted.fitted.size, adapted.history]).toEqual([18 + 15, ['meta train', 'meta adapt']]);
    const { before } = await readRun(path('adapted'));
    expect(decodeSeen(before!)).toEqual({ ...meta, fitted: new Set(), chosen: new Set() });
  });

  test('is kept out of validation by the run that goes on from it, and by the next one', async () => {
    const adapted = await seenBy(path('adapted'));
    const events = await runFolder(shapes, path('first'), partial);
    const run = await readRun(path('first'));
    expect(decodeSeen(run.before!).fitted.size).toBe(15);
    const ready = events.find((event) => event.kind === 'ready')!;
    expect(ready.folder.validation).toHaveLength(6);
    expect(ready.folder.validation.filter(({ sha256 }) => adapted.fitted.has(sha256.slice(0, 12)))).toEqual([]);
    expect(ready.notes).toContain(
      'The weights know 15 of these images (from meta train, meta adapt): none of them validates or tests.',
    );
    expect(await evaluateFolder(path('first'), shapes)).toMatchObject({
      ...{ images: 6, part: 'validation', sameDataset: true },
      seen: { fitted: 0, chosen: 0, leftOut: 0, isComplete: true },
    });

    // Through other hands: the checkpoint alone, another seed, which would divide otherwise.
    cpSync(join(path('first'), 'best.safetensors'), path('sent.safetensors'));
    const second = await runFolder(shapes, path('second'), { ...partial, weights: path('sent.safetensors'), seed: 7 });
    const next = second.find((event) => event.kind === 'ready')!;
    const known = await seenBy(path('first'));
    expect(known.fitted.size).toBe(18 + 24);
    expect(next.folder.validation.filter(({ sha256 }) => known.fitted.has(sha256.slice(0, 12)))).toEqual([]);
    expect(next.notes).toContain(
      'The weights were chosen by 6 of the 6 validation images: a test part would be stricter.',
    );
    expect((await seenBy(path('second'))).history).toEqual(['meta train', 'meta adapt', 'train', 'train']);
  });

  test('decides the split of a run that is resumed, and of its own evaluation', async () => {
    await runFolder(shapes, path('stopped'), { ...partial, stopAfter: 1 });
    await runFolder(shapes, path('stopped'), partial);
    await runFolder(shapes, path('whole'), partial);
    expectSameRun(path('whole'), path('stopped'));
  });

  test('is left out wherever it lies: in another folder, under other names', async () => {
    cpSync(shapes, path('copy'), { recursive: true });
    await drawImages(path('copy'), { classes: ['cross', 'disc', 'square'], perClass: 4, side: 16, first: 900 });
    await runFolder(shapes, path('plain'), { epochs: 1, imageSize: 16, model: 'conv4_32' });
    expect(await evaluateFolder(path('plain'), path('copy'))).toMatchObject({
      ...{ images: 12, part: 'all', sameDataset: false },
      seen: { fitted: 24, chosen: 6, leftOut: 30 },
    });
    expect(await evaluateFolder(path('plain'), path('copy'), { part: 'all' })).toMatchObject({
      ...{ images: 42, seen: { fitted: 24, chosen: 6, leftOut: 0 } },
    });
  });

  test('leaves nothing to validate with where all was learned, and says so', async () => {
    await adaptMeta(path('start'), shapes, { out: path('all') });
    await expect(runFolder(shapes, path('none'), { ...partial, weights: path('all') })).rejects.toThrow(
      `no image is left to validate on: ${path('all')} was trained on them (meta train, meta adapt)`,
    );
  });

  test('goes with an exported model where that is asked for, and training it further heeds it', async () => {
    const classifier = await openRun(path('adapted'));
    await exportClassifier(classifier, path('plain.onnx'));
    await exportClassifier(classifier, path('net.onnx'), { seen: true });
    await classifier.close();
    const events = await runFolder(shapes, path('onnx'), { model: path('net.onnx'), epochs: 1, imageSize: 16 });
    const ready = events.find((event) => event.kind === 'ready')!;
    const adapted = await seenBy(path('adapted'));
    expect(ready.folder.validation.filter(({ sha256 }) => adapted.fitted.has(sha256.slice(0, 12)))).toEqual([]);
    const [plain, told] = ['plain.onnx', 'net.onnx'].map((name) => readOnnxMetadata(readFileSync(path(name))));
    expect(decodeSeen(JSON.parse(told!.seen!)).fitted).toEqual(adapted.fitted);
    expect(plain).toEqual({ ...told, seen: undefined });
  });

  test('is not known of a checkpoint of version 0.1, and that is said', async () => {
    const { tensors, metadata } = await readSafetensorsFile(join(path('adapted'), 'best.safetensors'));
    const { seen: _, ...old } = metadata;
    await writeSafetensorsFile(path('old.safetensors'), tensors, old);
    const events = await runFolder(shapes, path('from-old'), { ...partial, weights: path('old.safetensors') });
    expect(events.find((event) => event.kind === 'ready')!.notes).toContain(
      `${path('old.safetensors')} does not say which images it was trained on, as exports and files of version 0.1 do not: some of them may be among those that validate.`,
    );
    expect((await evaluateFolder(path('from-old'), shapes)).seen.isComplete).toBe(false);
  });
});
