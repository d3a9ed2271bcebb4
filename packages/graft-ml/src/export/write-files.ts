import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { option } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { readOnnxMetadata } from '@graft-ml/core/internal/graph/onnx-metadata';
import { exists } from '../files/read.ts';
import { makeFolder, makeFolders, replaceFile, wrapWriteErrors } from '../files/write.ts';

/** A file of an export. */
export interface ExportedFile {
  readonly path: string;
  readonly bytes: number;
}

/** Writes the one file of an export, whole or not at all. @throws UserError as `assertReplaceable` */
export async function writeExportFile(
  path: string,
  files: ReadonlyMap<string, Uint8Array>,
  overwrite: boolean,
): Promise<ExportedFile[]> {
  await assertReplaceable(path, overwrite);
  const [content] = files.values();
  await wrapWriteErrors(path, async () => {
    await makeFolders(dirname(path));
    await replaceFile(path, content!);
  });
  return [{ path, bytes: content!.length }];
}

/**
 * Writes the files of an export. A new folder appears when it is complete. In one that is there, with `overwrite`, each
 * file is replaced by itself, and what else lies there stays.
 *
 * @throws UserError where the folder is not empty, without `overwrite`, or cannot be written
 */
export async function writeExportFolder(
  folder: string,
  files: ReadonlyMap<string, Uint8Array>,
  overwrite: boolean,
): Promise<ExportedFile[]> {
  await assertWritable(folder, overwrite);
  const write = async (root: string) => {
    for (const [name, bytes] of files) {
      const path = join(root, ...partsOf(name));
      await makeFolders(dirname(path));
      await replaceFile(path, bytes);
    }
  };
  if (await isFilled(folder)) await wrapWriteErrors(folder, () => write(folder));
  else await makeFolder(folder, write);
  return [...files].map(([name, { length }]) => ({ path: join(folder, ...partsOf(name)), bytes: length }));
}

/** @throws UserError where a file stands at `path` that is no export of Graft's, without `overwrite` */
export async function assertReplaceable(path: string, overwrite: boolean): Promise<void> {
  if (overwrite || !(await exists(path))) return;
  if (await isExport(path)) return;
  throw new UserError(
    `${path} is there already and was not exported by Graft. Pass ${option('overwrite', true)} to replace it, or ` +
      `another ${option('out')}.`,
  );
}

/** Whether a file is an ONNX model that Graft wrote. */
async function isExport(path: string): Promise<boolean> {
  try {
    return readOnnxMetadata(await readFile(path)).format === 'graft';
  } catch {
    return false; // no model, or no file that can be read: it is for the writing to say why
  }
}

/** @throws UserError where the folder is not empty, without `overwrite` */
export async function assertWritable(folder: string, overwrite: boolean): Promise<void> {
  if (overwrite || !(await isFilled(folder))) return;
  throw new UserError(
    `${folder} is not empty. Pass ${option('overwrite', true)} to replace its files of the same names, or another ` +
      `${option('out')}.`,
  );
}

async function isFilled(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch(() => []);
  return names.length > 0;
}

/** The parts of a path in the folder. @throws Error for one that leads out of it */
function partsOf(name: string): string[] {
  const parts = name.split('/');
  if (parts.every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\:]/.test(part))) return parts;
  throw new Error(`export: "${name}" is not the path of a file in the folder`);
}
