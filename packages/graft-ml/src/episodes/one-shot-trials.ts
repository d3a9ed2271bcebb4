import { basename, join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { tensor } from '@graft-ml/core/internal/base/tensor';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import type { ImageTable } from '@graft-ml/core/internal/image/image-table';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import type { Episode } from '@graft-ml/core/internal/meta/episode';
import { labelsOf, writeImage } from '@graft-ml/core/internal/meta/episode-source';
import type { ImageFile } from '../data/decode.ts';
import { openImagePool } from '../data/decoder-pool.ts';
import { statDataset } from '../data/readers/find-candidates.ts';
import { archiveTree } from '../data/tree/archive-tree.ts';
import { folderTree } from '../data/tree/folder-tree.ts';
import type { FileTree } from '../data/tree/listing.ts';
import { zipMembers } from '../files/archives/zip.ts';
import { decodeTable } from './decode-table.ts';

const trials = 20;
/** Classes of a trial. */
const way = 20;
/** Bytes of a trial's labels, at most. */
const longestLabels = 2 ** 16;

/** A trial before its images are read: the files of its classes, in order, and of one more image of each. */
interface Trial {
  readonly classes: readonly string[];
  readonly files: readonly ImageFile[];
}

/**
 * The 20 trials of Lake, Salakhutdinov and Tenenbaum (Science 2015) for one-shot classification: 20-way, 1-shot, one
 * query of each class, all characters of a trial from one alphabet of the evaluation set. People err in 4.5 % of them.
 *
 * @param path Omniglot's folder with `all_runs.zip`, that archive itself, or the folder that it unpacks to
 * @throws UserError where they are not there, or not whole
 */
export async function oneShotTrials(
  path: string,
  side: number,
  decoder?: ImageDecoder | undefined,
): Promise<readonly Episode[]> {
  const tree = await openTrials(path);
  const all: Trial[] = [];
  for (let i = 1; i <= trials; i++) all.push(await readTrial(tree, `run${String(i).padStart(2, '0')}`));
  const pool = openImagePool(decoder);
  try {
    const request = { kind: 'evaluation', preprocessing: { resize: side, crop: side } } as const;
    const files = all.flatMap((trial) => trial.files);
    const limit = 3 * side * side * files.length;
    const { table, problems } = await decodeTable(files, {
      request,
      pool,
      limit,
      onProgress: undefined,
      signal: undefined,
    });
    if (problems.length > 0) throw new ImageError(problems[0]!);
    return all.map(({ classes }, i) => episodeOf(table, classes, i * 2 * way));
  } finally {
    await pool.close();
  }
}

async function openTrials(path: string): Promise<FileTree> {
  const status = await statDataset(path);
  if (status.isFile()) return archiveTree(path, await zipMembers(path), { classDepth: 1, isTable: () => false });
  const tree = folderTree(path);
  if (!('kind' in (await tree.find('all_runs.zip')))) return openTrials(join(path, 'all_runs.zip'));
  const isOutside = (await tree.folders()).includes('all_runs');
  return isOutside ? folderTree(join(path, 'all_runs')) : tree;
}

/**
 * A trial's `class_labels.txt` has a line for each query: its path, and that of the image of the same class to learn
 * from.
 */
async function readTrial(tree: FileTree, run: string): Promise<Trial> {
  const fail = (problem: string) =>
    new UserError(
      `${join(tree.root, run)} ${problem}. Expected Omniglot's all_runs.zip, with run01 to ` + `run${trials}.`,
    );
  const list = await tree.find(`${run}/class_labels.txt`);
  if ('kind' in list) throw fail('has no class_labels.txt');
  const text = new TextDecoder().decode(await tree.read(list, longestLabels));
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const pairs = lines.map((line) => line.trim().split(/\s+/) as [query: string, support: string]);
  const queries = new Map(pairs.map(([query, support]) => [support, query]));
  const supports = [...queries.keys()].sort();
  if (pairs.length !== way || supports.length !== way || new Set(queries.values()).size !== way) {
    throw fail(`does not pair ${way} images with ${way} others`);
  }
  const fileOf = async (name: string): Promise<ImageFile> => {
    const file = name.startsWith(`${run}/`) ? await tree.find(name) : undefined;
    if (!file || 'kind' in file) throw fail(`names ${JSON.stringify(name)}, which is not there`);
    return { path: join(tree.root, file.name), ...(file.within && { within: file.within }) };
  };
  const names = [...supports, ...supports.map((support) => queries.get(support)!)];
  return {
    classes: supports.map((support) => `${run}/${basename(support).replace(/\.[^.]*$/, '')}`),
    files: await Promise.all(names.map(fileOf)),
  };
}

/** The trial whose images are the rows from `first` on: those to learn from, then the queries. */
function episodeOf(table: ImageTable, classes: readonly string[], first: number): Episode {
  const { side } = table;
  const size = 3 * side * side;
  const imagesFrom = (row: number) => {
    const data = new Uint8Array(way * size);
    for (let i = 0; i < way; i++) writeImage(table, row + i, 0, data.subarray(i * size, (i + 1) * size));
    return tensor('u8', [way, 3, side, side], data);
  };
  return {
    support: imagesFrom(first),
    supportLabels: labelsOf(way, 1),
    query: imagesFrom(first + way),
    queryLabels: labelsOf(way, 1),
    classes,
  };
}
