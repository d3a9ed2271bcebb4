import type { Member } from '../../files/archives/member.ts';
import type { Checksum } from '../../files/checksum.ts';

/** A public dataset: what its publisher says of it, and how it becomes folders of classes. */
export interface PublicSet {
  readonly name: string;
  readonly title: string;
  readonly images: number;
  readonly classes: number;
  /** The folders that come of it. */
  readonly layout: string;
  /** The licence as the publisher states it; null where none is stated. */
  readonly licence: string | null;
  readonly source: string;
  readonly files: readonly PublicFile[];
  /** The images in their new places. `files` are the downloaded files, in the order of the set's own. */
  arrange(files: readonly OpenFile[]): AsyncIterable<PlacedImage>;
}

export interface PublicFile {
  readonly url: string;
  /** Null where none is published. */
  readonly checksum: Checksum | null;
  /** About how large it is: the bound of a download is twice that. */
  readonly megabytes: number;
}

/** A downloaded file. */
export interface OpenFile {
  /** Its content, of a small file. */
  read(): Promise<Buffer>;
  /** The members of an archive. */
  members(): Promise<readonly Member[]>;
  /** An archive inside this one. */
  inner(member: Member): Promise<OpenFile>;
}

export interface PlacedImage {
  /** `class/name`, or `split/class/name`. */
  readonly to: string;
  /** The image, or its place in an archive. */
  readonly content: Member | Uint8Array;
}

export const md5 = (digest: string): Checksum => ({ algorithm: 'md5', digest });

/** The members whose names match, with what the groups matched. */
export function* matching(members: readonly Member[], pattern: RegExp): Generator<[Member, ...string[]]> {
  for (const member of members) {
    const match = member.isFolder ? null : pattern.exec(member.name);
    if (match) yield [member, ...match.slice(1)];
  }
}
