import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { randomStream } from '@graft-ml/core/internal/base/random';
import type { WeightsEntry } from '@graft-ml/core/internal/weights/registry/entry';
import { folderCache } from 'graft-ml/internal/cache/folder-cache';
import { cachePath, fetchWeights } from 'graft-ml/internal/checkpoint/fetch-weights';
import type { FolderCache } from 'graft-ml/internal/files/cache-folder';
import type { FetchOptions } from 'graft-ml/internal/files/download/fetch-file';
import { expect } from 'vitest';
import type { FileServer } from './file-server.ts';
import { temporaryFolder } from './images.ts';

export const sha256 = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');

/** A safetensors file of 150,000 bytes with one tensor of random numbers. */
function weights(name: string): Uint8Array {
  const stream = randomStream(0, 'file', name);
  return withNumbers(Uint8Array.from({ length: 149_800 }, () => stream.integer(256)));
}

function withNumbers(numbers: Uint8Array): Uint8Array {
  const header = `{"weight":{"dtype":"F32","shape":[37450],"data_offsets":[0,${numbers.length}]}}`.padEnd(192);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(192n);
  return Buffer.concat([length, Buffer.from(header), numbers]);
}

/** What is published, and another file of the same size. */
export const file = weights('published');
export const other = weights('another');

export const zeroWeights = withNumbers(new Uint8Array(149_800));

/** As torchvision publishes: a rounded size and eight digits of the checksum. */
export const entry: WeightsEntry = {
  name: 'torchvision/toy.imagenet1k_v1',
  architecture: 'toy',
  url: 'https://download.pytorch.org/models/toy-0123abcd.pth',
  sha256: sha256(file).slice(0, 8),
  sizeMiB: Number((file.length / 2 ** 20).toFixed(3)),
  licence: 'BSD-3-Clause',
  source: 'https://example.org',
  parameters: 37_000,
  top1: 70,
  top5: 90,
  preprocessing: { resize: 256, crop: 224, interpolation: 'bilinear', mean: [0, 0, 0], std: [1, 1, 1] },
  classes: 'imagenet1k',
};

/** As timm publishes: neither size nor checksum, but the hub tells them. */
export const hubEntry: WeightsEntry = {
  ...entry,
  name: 'timm/toy.a1_in1k',
  url: 'https://huggingface.co/timm/toy.a1_in1k/resolve/main/model.safetensors',
  sha256: null,
  sizeMiB: null,
};

/** Makes options for downloads into a cache of their own each, with `server` as the mirror. */
export function downloadsFrom(server: FileServer): (options?: FetchOptions) => FetchOptions & { cache: FolderCache } {
  const root = temporaryFolder();
  const patience = { attempts: 3, pause: 1, stall: 10_000 };
  let count = 0;
  return ({ cache, ...options } = {}) => ({
    cache: cache ?? folderCache(join(root, `cache-${++count}`)),
    mirror: server.address,
    patience,
    ...options,
  });
}

export const expectFile = (path: string, content: Uint8Array) => expect(readFileSync(path).equals(content)).toBe(true);

/** Names in the folder of an entry. */
export const left = (cache: FolderCache, of = entry) => readdirSync(dirname(cachePath(of, cache))).sort();

/** What a user is told. */
export async function failure(options: FetchOptions, of = entry): Promise<string> {
  const error = await fetchWeights(of, options).then(
    () => new Error('nothing was thrown'),
    (reason: Error) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  return error.message;
}
