import { inFile, UserError } from '@graft-ml/core/internal/base/errors';
import { Header, type HeaderData, Pax } from 'tar';
import { type RandomAccessFile, withFile } from '../random-access.ts';
import { type Member, mostMembers } from './member.ts';

const blockBytes = 512;
/** Bytes of a header that only describes the next one: a long name, at most. */
const longestExtension = 2 ** 20;
const fileTypes: ReadonlySet<string> = new Set(['File', 'OldFile', 'ContiguousFile']);
const linkTypes: ReadonlySet<string> = new Set(['Link', 'SymbolicLink']);

/** The headers that extensions gave for the next entry, and for all that follow. */
interface Extensions {
  next: HeaderData | undefined;
  readonly all: HeaderData;
}

/** The members of a tar archive, header after header. @throws UserError where a header is damaged */
export function tarMembers(path: string): Promise<Member[]> {
  return inFile(path, () =>
    withFile(path, async (file) => {
      const members: Member[] = [];
      const extensions: Extensions = { next: undefined, all: {} };
      for (let position = 0; position + blockBytes <= file.size; ) {
        const header = await readHeader(file, position, extensions);
        if (header.nullBlock) break;
        const body = position + blockBytes;
        const size = header.size ?? 0;
        position = body + Math.ceil(size / blockBytes) * blockBytes;
        if (await readExtension(file, header, body, extensions)) continue;
        extensions.next = undefined;
        members.push(memberOf(file, header, body, size));
        if (members.length > mostMembers) throw new UserError(`It has more than ${mostMembers} entries.`);
      }
      return members;
    }),
  );
}

/** Whether these are the first 512 bytes of a tar archive: their checksum says so. */
export function isTar(block: Uint8Array): boolean {
  try {
    return block.length >= blockBytes && new Header(Buffer.from(block.subarray(0, blockBytes))).cksumValid;
  } catch {
    return false;
  }
}

async function readHeader(file: RandomAccessFile, position: number, { next, all }: Extensions): Promise<Header> {
  const damaged = (cause?: unknown) =>
    new UserError(`Its header at byte ${position} is damaged. Pack the archive again.`, { cause });
  const block = Buffer.from(await file.read(position, blockBytes));
  let header: Header;
  try {
    header = new Header(block, 0, next, all);
  } catch (cause) {
    throw damaged(cause);
  }
  if (header.nullBlock) return header;
  if (!header.cksumValid || !Number.isSafeInteger(header.size ?? 0)) throw damaged();
  return header;
}

/** Notes a header that only describes the next entry. @returns whether it is one */
async function readExtension(file: RandomAccessFile, header: Header, body: number, extensions: Extensions) {
  const { type, size = 0 } = header;
  const isLongName = type === 'NextFileHasLongPath' || type === 'OldGnuLongPath';
  const isPax = type === 'ExtendedHeader' || type === 'OldExtendedHeader';
  const isGlobal = type === 'GlobalExtendedHeader';
  if (!isLongName && !isPax && !isGlobal && type !== 'NextFileHasLongLinkpath') return false;
  if (size > longestExtension || body + size > file.size) {
    throw new UserError(
      `Its header at byte ${body - blockBytes} names ${size} bytes more of header. The file is damaged.`,
    );
  }
  const text = Buffer.from(await file.read(body, size)).toString('utf8');
  if (isLongName) extensions.next = { ...extensions.next, path: text.replace(/\0.*$/s, '') };
  if (isPax) extensions.next = Pax.parse(text, extensions.next);
  if (isGlobal) Object.assign(extensions.all, Pax.parse(text, extensions.all, true));
  return true;
}

function memberOf(file: RandomAccessFile, header: Header, body: number, size: number): Member {
  const { type, path: name = '' } = header;
  const base = { name, isFolder: type === 'Directory' || type === 'GNUDumpDir' };
  if (base.isFolder) return base;
  if (linkTypes.has(type)) {
    return { ...base, refusal: { kind: 'link-not-followed', message: 'links in archives are not followed' } };
  }
  if (!fileTypes.has(type)) {
    return { ...base, refusal: { kind: 'unreadable', message: `it is no plain file, but a ${type}` } };
  }
  if (body + size > file.size) {
    return { ...base, refusal: { kind: 'truncated', message: 'the archive ends before it does' } };
  }
  return { ...base, within: { file: file.path, start: body, length: size } };
}
