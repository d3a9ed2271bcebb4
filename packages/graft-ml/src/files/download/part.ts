import { rm } from 'node:fs/promises';
import { formatOwnJson } from '@graft-ml/core/internal/base/own-json';
import { z } from 'zod';
import { cached, openPrivateFile, privateMode } from '../cache-folder.ts';
import { readOwnJson } from '../read-own-json.ts';
import { replaceFile } from '../write.ts';

/** A file on its way, `x.part`, and beside it in `x.part.json` what it is a part of. */
const noteSchema = z.strictObject({
  url: z.string(),
  /** A strong `ETag`, or `Last-Modified`: the server's name for this state of the file. */
  validator: z.string(),
  /** The checksum that the server told. */
  sha256: z.string().nullable(),
});

export type PartNote = z.output<typeof noteSchema>;

export interface Part extends PartNote {
  readonly bytes: number;
}

const noteOf = (part: string) => `${part}.json`;

/** The part of `url` that is already there, if the download can continue from it. Nobody else may have put it there. */
export async function readPart(part: string, url: URL): Promise<Part | null> {
  try {
    const note = noteSchema.parse(await readOwnJson(noteOf(part), cached));
    const handle = await openPrivateFile(part);
    const { size } = await handle.stat().finally(() => handle.close());
    return size > 0 && note.url === url.href ? { ...note, bytes: size } : null;
  } catch {
    return null; // no part, one that is not ours, or a damaged note: begin anew
  }
}

/** Says what the part is of; without a validator nobody could go on with it, so then there is no note. */
export async function writeNote(
  part: string,
  note: Omit<PartNote, 'validator'> & { readonly validator: string | null },
): Promise<void> {
  if (note.validator === null) await rm(noteOf(part), { force: true });
  else await replaceFile(noteOf(part), formatOwnJson(note), { mode: privateMode.file });
}

export async function discardPart(part: string): Promise<void> {
  await Promise.all([part, noteOf(part)].map((path) => rm(path, { force: true })));
}
