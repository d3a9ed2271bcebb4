import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { lstat, readdir, rm, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { formatOwnJson } from '@graft-ml/core/internal/base/own-json';
import { version } from '@graft-ml/core/internal/base/version';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import { type Decoded, startsOf } from '@graft-ml/core/internal/image/image-table';
import type { ImageProblemKind } from '@graft-ml/core/internal/image/problem';
import { joinKeys, splitKeys } from '@graft-ml/core/internal/image/seen';
import type { EvaluationRequest } from '@graft-ml/core/internal/image/view';
import { z } from 'zod';
import type { Candidate } from '../data/readers/found.ts';
import { cached, privateFolder, privateMode } from '../files/cache-folder.ts';
import { withFile } from '../files/random-access.ts';
import { readOwnJson } from '../files/read-own-json.ts';
import { replaceFile } from '../files/write.ts';

/** The size that all tables in the folder may have, in bytes; those unused for longest are removed first. */
const mostOnDisk = 4 * 2 ** 30;

const problemKinds = [
  'unreadable',
  'empty-file',
  'not-an-image',
  'truncated',
  'too-small',
  'too-large',
] as const satisfies readonly ImageProblemKind[];

/** The schema of the note beside the pixels; written last, so that what it describes is whole. */
const noteSchema = z.strictObject({
  side: z.int().min(1),
  /** A digit for each image. */
  planes: z.string().regex(/^[013]*$/),
  /** The content of each image's file, a `ContentKey` after the other; blanks where it could not be read. */
  contents: z.string(),
  /** The digest of the pixels. */
  sha256: z.string(),
  problems: z.array(z.strictObject({ index: z.int().min(0), kind: z.enum(problemKinds), message: z.string() })),
});

/**
 * A name for all that a table depends on: the images' names and contents, and how they are decoded and seen. In a ZIP
 * archive a checksum stands for the content, else size and time of change.
 */
export function tableKey(
  candidates: readonly Candidate[],
  { preprocessing }: EvaluationRequest,
  { identity }: Pick<ImageDecoder, 'identity'>,
): string {
  const times = new Map<string, readonly number[]>();
  const timeOf = (file: string): readonly number[] => {
    const known = times.get(file) ?? timeOfChange(file);
    times.set(file, known);
    return known;
  };
  const hash = createHash('sha256').update(JSON.stringify([version, preprocessing, identity]));
  for (const { part, className, name, path, within } of candidates) {
    const content = within?.zip ? [within.zip.crc32, within.zip.size] : timeOf(within?.file ?? path);
    hash.update(`${JSON.stringify([part.name, className, name, within?.start, within?.length, content])}\n`);
  }
  return hash.digest('hex');
}

/** Synchronous: tens of thousands of files are asked, and a way through the event loop costs ten times the call. */
function timeOfChange(file: string): readonly number[] {
  const status = statSync(file, { throwIfNoEntry: false });
  return status ? [status.size, status.mtimeMs] : [];
}

/** The table kept by an earlier run. */
export interface Kept {
  /** Undefined where there is nothing, nothing that can be used, or more than `limit` bytes. */
  readonly decoded: Decoded | undefined;
  /** A note where a table is there and damaged. */
  readonly note: string | undefined;
}

/** Reads the table that an earlier run kept under this key, of at most `limit` bytes. */
export async function readKept(
  folder: string,
  key: string,
  candidates: readonly Candidate[],
  limit: number,
): Promise<Kept> {
  const path = join(folder, key);
  if (!(await lstat(`${path}.json`).catch(() => null))) return { decoded: undefined, note: undefined };
  try {
    const { side, planes, contents, sha256, problems } = noteSchema.parse(await readOwnJson(`${path}.json`, cached));
    const starts = startsOf(Array.from(planes, Number));
    const length = starts.at(-1)! * side * side;
    const keys = splitKeys(contents);
    if (planes.length !== candidates.length || keys.length !== candidates.length) throw new RangeError('other images');
    if (length > limit) return { decoded: undefined, note: undefined };
    const bytes = await withFile(`${path}.u8`, (file) => file.read(0, length), cached);
    if (createHash('sha256').update(bytes).digest('hex') !== sha256) throw new RangeError('other pixels');
    await touch(path);
    const decoded = {
      table: { side, bytes, starts },
      contents: keys,
      sha256,
      problems: problems.map(({ index, kind, message }) => ({ path: candidates[index]!.path, kind, message })),
    };
    return { decoded, note: undefined };
  } catch {
    return { decoded: undefined, note: `${path}.u8 is damaged or not ours: the images are decoded again.` };
  }
}

/** Keeps a table for later runs. A full or read-only disk costs only the time of decoding again. */
export async function keep(
  folder: string,
  key: string,
  candidates: readonly Candidate[],
  { table, problems, contents, sha256 }: Decoded,
): Promise<void> {
  if (table.bytes.length > mostOnDisk) return;
  const positions = new Map(candidates.map(({ path }, index) => [path, index]));
  const planes = Array.from(candidates, (_, i) => table.starts[i + 1]! - table.starts[i]!).join('');
  const note: z.infer<typeof noteSchema> = {
    side: table.side,
    planes,
    contents: joinKeys(contents),
    sha256,
    problems: problems.map(({ path, kind, message }) => ({ index: positions.get(path)!, kind, message })),
  };
  const path = join(folder, key);
  try {
    await privateFolder(dirname(folder), basename(folder));
    await makeRoom(folder, mostOnDisk - table.bytes.length);
    await replaceFile(`${path}.u8`, table.bytes, { mode: privateMode.file });
    await replaceFile(`${path}.json`, formatOwnJson(note), { mode: privateMode.file });
  } catch {
    await rm(`${path}.u8`, { force: true }).catch(() => {});
  }
}

async function touch(path: string): Promise<void> {
  const now = new Date();
  await Promise.all(['.u8', '.json'].map((ending) => utimes(path + ending, now, now))).catch(() => {});
}

/** Removes the files that were not used for longest until the others take at most `limit` bytes. */
async function makeRoom(folder: string, limit: number): Promise<void> {
  const files = await Promise.all(
    (await readdir(folder)).map(async (name) => {
      const path = join(folder, name);
      const status = await lstat(path).catch(() => undefined);
      return { path, used: status?.mtimeMs ?? 0, bytes: status?.size ?? 0 };
    }),
  );
  let total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { path, bytes } of files.sort((a, b) => a.used - b.used)) {
    if (total <= limit) break;
    await rm(path, { force: true });
    total -= bytes;
  }
}
