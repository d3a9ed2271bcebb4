import { textAt, viewBytes } from './bytes.ts';
import { cutShort, HeaderError, type ImageHeader } from './header.ts';

/** The boxes within each other that lead to the sizes, with the bytes before their first inner box. */
const way = [
  { type: 'meta', skipped: 4 },
  { type: 'iprp', skipped: 0 },
  { type: 'ipco', skipped: 0 },
] as const;

/**
 * The header of an AVIF (ISO/IEC 23008-12): the largest size that its properties name, of the image or of its tiles. The
 * decoder turns and mirrors it by itself. Its boxes refer to each other by their places in the file, so that none is
 * taken out.
 */
export function readAvifHeader(file: Uint8Array): ImageHeader {
  const sizes = [...sizesIn(file, 0, file.length, 0)];
  if (sizes.length === 0) throw new HeaderError('unreadable', 'damaged avif: it does not say how large its image is');
  const [width, height] = [Math.max(...sizes.map(([w]) => w)), Math.max(...sizes.map(([, h]) => h))];
  return { format: 'avif', width, height, orientation: 1, working: width * height * 27, bare: file };
}

function* sizesIn(
  file: Uint8Array,
  start: number,
  end: number,
  level: number,
): Generator<readonly [width: number, height: number]> {
  const view = viewBytes(file);
  for (let at = start; at + 8 <= end; ) {
    const [stated, type] = [view.getUint32(at), textAt(file, at + 4, at + 8)];
    // 0: up to the end of the file. 1: a length of 64 bits follows, which only pixels have.
    const next = stated === 0 ? end : stated === 1 && at + 16 <= end ? at + lengthOf64Bits(view, at + 8) : at + stated;
    if (next < at + 8) throw new HeaderError('unreadable', `damaged avif: a box "${type}" of ${stated} bytes`);
    if (next > end) throw cutShort();
    const inner = way[level];
    if (type === inner?.type) yield* sizesIn(file, at + 8 + inner.skipped, next, level + 1);
    if (level === way.length && type === 'ispe' && at + 20 <= next)
      yield [view.getUint32(at + 12), view.getUint32(at + 16)];
    at = next;
  }
}

function lengthOf64Bits(view: DataView, at: number): number {
  return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
}
