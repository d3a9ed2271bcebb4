import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { readWeightsFile } from 'graft-ml/internal/checkpoint/weights-file';
import { openDataset } from 'graft-ml/internal/data/dataset';
import { openEpisodes } from 'graft-ml/internal/episodes/open-episodes';
import { openModel } from 'graft-ml/internal/evaluate/classifier';
import { readConfigFile } from 'graft-ml/internal/runs/config-file';
import { trainFolder } from 'graft-ml/internal/transfer/train-folder';
import { describe, expect, test } from 'vitest';
import { drawImages, temporaryFolder } from './images.ts';

const root = temporaryFolder();
const photos = await drawImages(join(root, 'photos'), { perClass: 4 });
let count = 0;

/** Something at a path that never ends, or never begins. */
const endless: Record<string, (path: string) => void> = {
  'a FIFO': (path) => execFileSync('mkfifo', [path]),
  'a link to /dev/zero': (path) => symlinkSync('/dev/zero', path),
  // Sparse: it takes no room.
  'a file of a terabyte': (path) => execFileSync('truncate', ['--size', '1T', path]),
};

/** What opens a file in a folder of its own, and what that file is called. */
const openings: Record<string, readonly [name: string, open: (path: string, folder: string) => Promise<unknown>]> = {
  '--weights': ['own.safetensors', (path) => readWeightsFile(path)],
  '--weights, PyTorch': ['own.pth', (path) => readWeightsFile(path)],
  'the index of shards': ['model.safetensors.index.json', (path) => readWeightsFile(path)],
  'a shard': [
    'model-1.safetensors',
    (_, folder) => {
      const index = join(folder, 'model.safetensors.index.json');
      writeFileSync(index, '{"weight_map":{"fc.weight":"model-1.safetensors"}}');
      return readWeightsFile(index);
    },
  ],
  '--config': ['options.yaml', (path) => readConfigFile(path)],
  '--model': ['model.onnx', (path) => openModel({ name: path })],
  'training on an ONNX file': [
    'model.onnx',
    async (path, folder) => {
      for await (const _ of trainFolder(photos, { model: path }, { out: join(folder, 'run') }));
    },
  ],
  'metadata.csv': [
    'metadata.csv',
    (_, folder) => {
      symlinkSync(join(photos, 'disc'), join(folder, 'disc'));
      writeFileSync(join(folder, 'one.png'), '');
      return openDataset(folder);
    },
  ],
  'a table': ['labels.csv', (path) => openDataset(path)],
  'a table for episodes': ['labels.jsonl', (path) => openEpisodes(path, { side: 8, cache: null })],
  'a dataset': ['photos.tar.gz', (path) => openDataset(path)],
};

describe.each(Object.entries(endless))('%s is refused in words, at once, in place of', (_what, make) => {
  test.each(Object.entries(openings))('%s', async (_name, [name, open]) => {
    const folder = join(root, `place-${++count}`);
    mkdirSync(folder);
    make(join(folder, name));
    const error = await open(join(folder, name), folder).then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(
      /it is a pipe|not an ordinary file|neither a folder nor a plain file|is a link out of|no memory for|format is not known|bytes, at most|neither an archive nor text|holds no usable images/,
    );
  });
});
