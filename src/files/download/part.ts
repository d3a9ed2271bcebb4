import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { z } from 'zod';

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

/** What is there of `url`, if it is any use to go on from there. */
export async function readPart(part: string, url: URL): Promise<Part | null> {
  try {
    const note = noteSchema.parse(JSON.parse(await readFile(noteOf(part), 'utf8')));
    const { size } = await stat(part);
    return size > 0 && note.url === url.href ? { ...note, bytes: size } : null;
  } catch {
    return null; // no part, or a damaged note: begin anew
  }
}

/** Says what the part is of; without a validator nobody could go on with it, so then there is no note. */
export async function writeNote(
  part: string,
  note: Omit<PartNote, 'validator'> & { readonly validator: string | null },
): Promise<void> {
  if (note.validator === null) await rm(noteOf(part), { force: true });
  else await writeFile(noteOf(part), JSON.stringify(note));
}

export async function discardPart(part: string): Promise<void> {
  await Promise.all([part, noteOf(part)].map((path) => rm(path, { force: true })));
}
