import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { version } from '../../base/version.ts';
import { withFile } from '../../files/random-access.ts';
import { replaceFile } from '../../files/write.ts';
import type { EvaluationRequest } from '../picture-worker.ts';
import type { PictureProblemKind } from '../problem.ts';
import type { Candidate } from '../readers/found.ts';
import { joinKeys, splitKeys } from '../seen.ts';
import { type Decoded, startsOf } from './picture-table.ts';

/** What all tables in the folder may take, in bytes; the longest unused give way. */
const mostOnDisk = 4 * 2 ** 30;
/** In bytes: thirteen characters for each picture, and a line for each problem. */
const longestNote = 2 ** 26;

const problemKinds = [
  'unreadable',
  'empty-file',
  'not-a-picture',
  'truncated',
  'too-small',
  'too-large',
] as const satisfies readonly PictureProblemKind[];

/** What lies beside the pixels; written last, so that what it describes is whole. */
const noteSchema = z.strictObject({
  side: z.int().min(1),
  /** A digit for each picture. */
  planes: z.string().regex(/^[013]*$/),
  /** The content of each picture's file, a `ContentKey` after the other; blanks where it could not be read. */
  contents: z.string(),
  /** Of the pixels. */
  sha256: z.string(),
  problems: z.array(z.strictObject({ index: z.int().min(0), kind: z.enum(problemKinds), message: z.string() })),
});

/**
 * A name for all that a table depends on: the pictures' names and contents, and how they are seen. In a ZIP archive a checksum
 * stands for the content, else size and time of change.
 */
export function tableKey(candidates: readonly Candidate[], { preprocessing }: EvaluationRequest): string {
  const times = new Map<string, readonly number[]>();
  const timeOf = (file: string): readonly number[] => {
    const known = times.get(file) ?? timeOfChange(file);
    times.set(file, known);
    return known;
  };
  const hash = createHash('sha256').update(JSON.stringify([version, preprocessing]));
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

/** What an earlier run kept under this key, if it is there, whole and of at most `limit` bytes. */
export async function readKept(
  folder: string,
  key: string,
  candidates: readonly Candidate[],
  limit: number,
): Promise<Decoded | undefined> {
  try {
    const path = join(folder, key);
    if ((await stat(`${path}.json`)).size > longestNote) return undefined;
    const { side, planes, contents, sha256, problems } = noteSchema.parse(
      JSON.parse(await readFile(`${path}.json`, 'utf8')),
    );
    const starts = startsOf(Array.from(planes, Number));
    const length = starts.at(-1)! * side * side;
    const keys = splitKeys(contents);
    if (planes.length !== candidates.length || keys.length !== candidates.length || length > limit) return undefined;
    const bytes = await withFile(`${path}.u8`, async (file) =>
      file.size === length ? file.read(0, length) : undefined,
    );
    if (!bytes) return undefined;
    if (createHash('sha256').update(bytes).digest('hex') !== sha256) return undefined;
    await touch(path);
    return {
      table: { side, bytes, starts },
      contents: keys,
      sha256,
      problems: problems.map(({ index, kind, message }) => ({ path: candidates[index]!.path, kind, message })),
    };
  } catch {
    return undefined; // missing or damaged: the pictures are decoded again
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
    await mkdir(folder, { recursive: true });
    await makeRoom(folder, mostOnDisk - table.bytes.length);
    await replaceFile(`${path}.u8`, table.bytes);
    await replaceFile(`${path}.json`, JSON.stringify(note));
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
      const status = await stat(path).catch(() => undefined);
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
