import { extname } from 'node:path';
import { csvCell } from '@graft-ml/core/internal/base/csv';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { printableJson } from '@graft-ml/core/internal/base/printable';
import { tensor } from '@graft-ml/core/internal/base/tensor';
import type { FeatureVector } from '@graft-ml/core/internal/evaluate/classifier';
import type { ImageProblem } from '@graft-ml/core/internal/image/problem';
import { writeSafetensorsFile } from '../checkpoint/safetensors-file.ts';
import type { LabelledImage } from '../data/labelled-images.ts';
import { growFile, replaceFile, wrapWriteErrors } from '../files/write.ts';
import type { Classifier } from './classifier.ts';

/** Vectors of images, a row each, and what is known of them. */
export interface FeatureTable {
  readonly paths: readonly string[];
  /** The class of each; '' where none is known. */
  readonly labels: readonly string[];
  /** The part of its dataset that each is in; '' where that is not divided. */
  readonly splits: readonly string[];
  readonly vectors: readonly Float32Array[];
  /** A description of the vectors, for the header of a safetensors file. */
  readonly description: Readonly<Record<string, string>>;
}

export interface ComputeFeaturesOptions {
  /** Ends the work between two images, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Computes the vectors in the order of the images: a farm, by `farmedFeatures`. Default: the classifier, here. */
  readonly compute?: ((images: readonly LabelledImage[]) => AsyncIterable<FeatureVector>) | undefined;
  /** Hears of an image that could not be looked at, and has no row. */
  readonly onProblem?: ((problem: ImageProblem) => void) | undefined;
}

/**
 * The vectors of all images that can be looked at.
 * @throws UserError where none can; the signal's reason
 */
export async function computeFeatures(
  classifier: Classifier,
  images: readonly LabelledImage[],
  { signal, onProgress, onProblem, compute = (all) => classifier.features(all) }: ComputeFeaturesOptions = {},
): Promise<FeatureTable> {
  const [paths, labels, splits, vectors]: [string[], string[], string[], Float32Array[]] = [[], [], [], []];
  let done = 0;
  for await (const { path, features, problem } of compute(images)) {
    const { label, split = '' } = images[done++]!;
    if (features) {
      paths.push(path);
      labels.push(label);
      splits.push(split);
      vectors.push(features);
    } else onProblem?.(problem);
    onProgress?.(done, images.length);
    signal?.throwIfAborted();
  }
  if (vectors.length === 0) throw new UserError('features: none of these images can be used.');
  const { classes: _, seen: __, temperature: ___, ...description } = classifier.description;
  return { paths, labels, splits, vectors, description: { ...description, format: 'graft-features' } };
}

type Write = (path: string, table: FeatureTable) => Promise<readonly string[]>;

/** Writers by extension. Each returns the files it wrote. */
const formats: Readonly<Record<string, Write>> = { '.safetensors': asSafetensors, '.npy': asNumpy, '.csv': asCsv };

/** @throws OptionError where a file's name does not say in which format features are to be written */
export function assertFeatureFile(path: string): void {
  if (!(extname(path).toLowerCase() in formats))
    throw new OptionError({
      option: 'output',
      expected: `a file of features, ${Object.keys(formats).join(', ')}`,
      received: path,
      problem: ` ${path}: features are written as ${Object.keys(formats).join(', ')}.`,
    });
}

/**
 * Writes feature vectors, in the format that the file's extension names, and returns the files that were written:
 *
 * - `.safetensors`: `features` f32 (n, f) and `labels` i64 (n), positions in `classes`, -1 where an image has none; `paths`,
 *   `splits` and `classes` are JSON in the metadata.
 * - `.npy`: a float32 array (n, f), and beside it `<file>.csv` with path, label and split of each row.
 * - `.csv`: path, label, split, and the numbers.
 */
export async function writeFeatures(path: string, table: FeatureTable): Promise<readonly string[]> {
  assertFeatureFile(path);
  return formats[extname(path).toLowerCase()]!(path, table);
}

async function asSafetensors(path: string, table: FeatureTable): Promise<readonly string[]> {
  const { paths, labels, splits, description } = table;
  const classes = [...new Set(labels)].filter((label) => label !== '').sort();
  const places = new Map(classes.map((name, i) => [name, BigInt(i)]));
  const tensors = {
    features: tensor('f32', [table.vectors.length, widthOf(table)], joined(table)),
    labels: tensor(
      'i64',
      [labels.length],
      BigInt64Array.from(labels, (label) => places.get(label) ?? -1n),
    ),
  };
  const lists = { paths, splits, classes };
  const metadata = {
    ...description,
    ...Object.fromEntries(Object.entries(lists).map(([key, list]) => [key, printableJson(list)])),
  };
  await wrapWriteErrors(path, () => writeSafetensorsFile(path, tensors, metadata));
  return [path];
}

async function asNumpy(path: string, table: FeatureTable): Promise<readonly string[]> {
  const shape = [table.vectors.length, widthOf(table)] as const;
  const beside = `${path}.csv`;
  await wrapWriteErrors(path, () => replaceFile(path, npy(shape, joined(table))));
  await writeCsv(beside, table, { withNumbers: false });
  return [path, beside];
}

async function asCsv(path: string, table: FeatureTable): Promise<readonly string[]> {
  await writeCsv(path, table, { withNumbers: true });
  return [path];
}

/** Paths are as long as they are: who joins tables by them must find them. */
async function writeCsv(
  path: string,
  table: FeatureTable,
  { withNumbers }: { readonly withNumbers: boolean },
): Promise<void> {
  const { paths, labels, splits, vectors } = table;
  const columns = withNumbers ? Array.from({ length: widthOf(table) }, (_, i) => `f${i}`) : [];
  await growFile(path, async (append) => {
    await append(`${['path', 'label', 'split', ...columns].join(',')}\n`);
    for (const [i, vector] of vectors.entries()) {
      const facts = [paths[i]!, labels[i]!, splits[i]!].map(csvCell);
      // Nine digits tell every float32 apart.
      const numbers = withNumbers ? Array.from(vector, (value) => String(Number(value.toPrecision(9)))) : [];
      await append(`${[...facts, ...numbers].join(',')}\n`);
    }
  });
}

function widthOf({ vectors }: FeatureTable): number {
  return vectors[0]?.length ?? 0;
}

function joined(table: FeatureTable): Float32Array<ArrayBuffer> {
  const width = widthOf(table);
  const all = new Float32Array(table.vectors.length * width);
  for (const [i, vector] of table.vectors.entries()) all.set(vector, i * width);
  return all;
}

/**
 * NumPy's format, version 1.0: a magic, the length of a header that fills up to 64 bytes, and the numbers,
 * little-endian.
 */
function npy([rows, columns]: readonly [number, number], data: Float32Array<ArrayBuffer>): Uint8Array {
  const description = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`;
  const length = Math.ceil((10 + description.length + 1) / 64) * 64 - 10;
  const file = new Uint8Array(10 + length + data.byteLength);
  file.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, length & 0xff, length >> 8]);
  file.set(new TextEncoder().encode(`${description.padEnd(length - 1)}\n`), 10);
  file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 10 + length);
  return file;
}
