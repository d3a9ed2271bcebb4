import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { option as code } from '@graft-ml/core/internal/base/code';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import type { Problem } from '@graft-ml/core/internal/image/problem';
import type { Split } from '@graft-ml/core/internal/image/split-images';
import { defaultCache } from '../../cache/folder-cache.ts';
import { keptInCache } from '../../files/archives/unpack.ts';
import { type Part, splitNamed, splitsNamed } from '../folder-layout.ts';
import { readPackList } from '../parquet/pack.ts';
import { unpackApart } from '../parquet/unpack-apart.ts';
import type { Candidate, Found, ReaderOptions } from './found.ts';

/** A Parquet file of a dataset. */
interface ParquetFile {
  readonly path: string;
  readonly split: Split | undefined;
}

/** Part of the name under which a file's images are kept: another number for another way to unpack them. */
const version = 1;

/**
 * Reads Parquet files with an image and its class in each row, one split a file or several files a split, as Hugging
 * Face publishes datasets: the file at `base`, or, where that is a folder with these folders in it, those that
 * `findParquetFiles` finds. The images are unpacked into the cache, once.
 *
 * @param folders null for a file
 * @returns null where a folder has no such files
 * @throws UserError where a file is damaged or has no such columns
 */
export async function readParquet(
  base: string,
  folders: readonly string[] | null,
  options: ReaderOptions,
): Promise<Found | null> {
  const { pathColumn, labelColumn, cache = defaultCache() } = options;
  const files = folders ? await findParquetFiles(base, folders, options) : [{ path: base, split: undefined }];
  if (files.length === 0) return null;
  if (options.labelRegex !== undefined || options.splitColumn !== undefined) {
    const [option, other] =
      options.labelRegex === undefined ? ['splitColumn', 'labelRegex'] : ['labelRegex', 'splitColumn'];
    throw new OptionError({
      option: option!,
      expected: 'nothing for Parquet files',
      received: options.labelRegex ?? options.splitColumn,
      problem: ` is not for Parquet files, as in ${base}, and neither is ${code(other!)}.`,
    });
  }
  const parts = new Map<string, Part>();
  const candidates: Candidate[] = [];
  const problems: Problem[] = [];
  const notes: string[] = [];
  for (const { path, split } of files) {
    const columns = { ...(pathColumn && { pathColumn }), ...(labelColumn && { labelColumn }) };
    const key = createHash('sha256')
      .update(JSON.stringify([version, columns]))
      .digest('hex')
      .slice(0, 8);
    const kept = await keptInCache(cache, path, `.${key}.images`, (part) => unpackApart(path, part, columns));
    const unpacked = kept.path;
    const { note, entries } = await readPackList(unpacked);
    notes.push(...kept.notes, `${path}: ${note}, unpacked into ${unpacked}.`);
    const name = split ?? '';
    const part = parts.get(name) ?? { name, folder: join(base, name), split };
    parts.set(name, part);
    const prefix = path === base ? '' : `${basename(path)}/`;
    for (const { name: own, label, start, length } of entries) {
      const at = join(path, own);
      const within = { file: unpacked, start, length };
      if (label === '') problems.push({ path: at, kind: 'no-label', message: 'the row names no class' });
      else candidates.push({ name: prefix + own, path: at, within, className: label, part });
    }
  }
  return {
    base,
    parts: [...parts.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    candidates,
    classNames: new Set(candidates.map(({ className }) => className)),
    problems,
    ignored: new Map(),
    notes,
  };
}

/**
 * The Parquet files of a folder: in it, in `data/`, or in a folder for each split, as the hub lays them out. None where
 * there are none.
 *
 * @throws UserError where it is not clear to which split one belongs
 */
async function findParquetFiles(
  root: string,
  folders: readonly string[],
  { parts }: Pick<ReaderOptions, 'parts'>,
): Promise<ParquetFile[]> {
  const own = await parquetNames(root);
  // Class folders may have a table of something else beside them.
  const inRoot = folders.length === 0 || own.every((name) => splitOf(name)) ? own : [];
  const isHome = (folder: string) => folders.length === 1 || folder === 'data' || splitNamed(folder) !== undefined;
  const homes = inRoot.length > 0 ? [] : folders.filter(isHome);
  const inFolders = await Promise.all(homes.map((folder) => parquetNames(join(root, folder))));
  const places = [
    ...inRoot.map((name) => ({ path: join(root, name), stem: stemOf(name) })),
    ...homes.flatMap((folder, i) =>
      inFolders[i]!.map((name) => ({
        path: join(root, folder, name),
        stem: splitNamed(folder) ? folder : stemOf(name),
      })),
    ),
  ];
  const splits = splitsNamed(places.map(({ stem }) => stem));
  const files = places.map(({ path }, i): ParquetFile => ({ path, split: parts === 'none' ? undefined : splits[i] }));
  const unclear = files.filter(({ split }) => split === undefined);
  if (unclear.length > 0 && unclear.length < files.length) {
    throw new UserError(
      `Some Parquet files in ${root} begin with the name of a split, train, validation or test, and ` +
        `${basename(unclear[0]!.path)} does not. If that means nothing, pass ${code('parts', 'none')}.`,
    );
  }
  return files;
}

async function parquetNames(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.') && entry.name.endsWith('.parquet'))
    .map(({ name }) => name)
    .sort();
}

/** `train-00000-of-00002.parquet` is of `train`. */
function stemOf(name: string): string {
  return /^[a-z]+/i.exec(name)?.[0] ?? '';
}

function splitOf(name: string): Split | undefined {
  return splitNamed(stemOf(name));
}
