import { inFile } from '@graft-ml/core/internal/base/errors';
import type { Entry } from 'yauzl';
import { withFile } from '../random-access.ts';
import { assertNoOverlap, listZipEntries } from '../zip-entries.ts';
import { type Member, type MemberRefusal, mostMembers } from './member.ts';

const [stored, deflated] = [0, 8];
/** Images are compressed already. What inflates more than this, and to more than a megabyte, is a bomb. */
const bomb = { ratio: 100, bytes: 2 ** 20 } as const;
/** The file type in the upper half of the external attributes, where the archive comes from Unix. */
const [fileType, symbolicLink] = [0xf000, 0xa000];

/**
 * The members of a ZIP archive, from its central directory. @throws UserError where that is damaged, or entries overlap
 */
export function zipMembers(path: string): Promise<Member[]> {
  return inFile(path, () =>
    withFile(path, async (file) => {
      const members = await listZipEntries(file, mostMembers, (entry) => memberOf(path, entry));
      const places = members.flatMap(({ name, within }) =>
        within ? [{ name, header: within.start, size: within.length }] : [],
      );
      assertNoOverlap(places, file.size);
      return members;
    }),
  );
}

function memberOf(path: string, entry: Entry): Member {
  const { fileName: name, compressedSize, uncompressedSize: size, compressionMethod, crc32 } = entry;
  const refusal = refusalOf(entry);
  const zip = { isDeflated: compressionMethod === deflated, size, crc32 };
  const within = { file: path, start: entry.relativeOffsetOfLocalHeader, length: compressedSize, zip };
  return { name, isFolder: name.endsWith('/'), within, ...(refusal && { refusal }) };
}

function refusalOf(entry: Entry): MemberRefusal | undefined {
  const { compressedSize, uncompressedSize: size, compressionMethod } = entry;
  if (entry.isEncrypted()) return { kind: 'encrypted', message: 'it is encrypted' };
  if (((entry.externalFileAttributes >>> 16) & fileType) === symbolicLink) {
    return { kind: 'link-not-followed', message: 'links in archives are not followed' };
  }
  if (compressionMethod !== stored && compressionMethod !== deflated) {
    const message = `its compression (method ${compressionMethod}) is not read, only stored and deflated entries`;
    return { kind: 'unreadable', message };
  }
  if (size > bomb.bytes && size > bomb.ratio * compressedSize) {
    return { kind: 'too-large', message: `${compressedSize} bytes would unpack to ${size}` };
  }
  return undefined;
}
