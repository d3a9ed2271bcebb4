import { textAt, viewBytes } from './bytes.ts';
import type { ImageFormat } from './header.ts';

/**
 * The format that the first bytes announce. No two formats share a first byte, so that libvips, which looks at them in
 * its own way, cannot come to another one.
 */
export function sniffFormat(bytes: Uint8Array): ImageFormat | undefined {
  const head = bytes.subarray(0, 64);
  const text = textAt(head, 0, head.length);
  if (text.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (text.startsWith('GIF87a') || text.startsWith('GIF89a')) return 'gif';
  if (text.startsWith('RIFF') && text.startsWith('WEBP', 8)) return 'webp';
  if (text.startsWith('II*\0') || text.startsWith('MM\0*')) return 'tiff';
  if (text.startsWith('BM') && isBitmapHeader(head)) return 'bmp';
  if (text.startsWith('ftyp', 4) && isAvifBrand(head)) return 'avif';
  return undefined;
}

/** The letters BM begin many texts: the reserved zeros and the size of the header behind them do not. */
function isBitmapHeader(head: Uint8Array): boolean {
  if (head.length < 18) return false;
  const view = viewBytes(head);
  return view.getUint32(6, true) === 0 && [12, 40, 52, 56, 64, 108, 124].includes(view.getUint32(14, true));
}

/**
 * A box of a plausible length whose brands, major or compatible, have AVIF's among them: `mif1` is that of any HEIF
 * file.
 */
function isAvifBrand(head: Uint8Array): boolean {
  const length = viewBytes(head).getUint32(0);
  if (length < 16 || length > 1024 || length % 4 !== 0) return false;
  const end = Math.min(length, head.length);
  for (let at = 8; at + 4 <= end; at += 4) {
    const brand = textAt(head, at, at + 4);
    if (at !== 12 && (brand === 'avif' || brand === 'avis')) return true;
  }
  return false;
}

/** The foreignSignatures of image formats that Graft does not read: a text at an offset. */
const foreignSignatures: readonly { readonly format: string; readonly text: string; readonly at?: number }[] = [
  { format: 'BigTIFF', text: 'II+\0' },
  { format: 'BigTIFF', text: 'MM\0+' },
  { format: 'HEIC', text: 'ftyphei', at: 4 },
  { format: 'HEIC', text: 'ftyphev', at: 4 },
  { format: 'HEIC', text: 'ftypmif1', at: 4 },
  { format: 'JPEG XL', text: '\xff\x0a' },
  { format: 'JPEG XL', text: '\0\0\0\x0cJXL ' },
  { format: 'JPEG 2000', text: '\0\0\0\x0cjP  ' },
  { format: 'Photoshop', text: '8BPS\0\x01' },
];

/** The image format that the first 64 bytes of a file show, if Graft does not read it. */
export function foreignFormat(head: Uint8Array): string | undefined {
  const text = textAt(head, 0, Math.min(head.length, 64));
  const found = foreignSignatures.find(({ text: sign, at = 0 }) => text.startsWith(sign, at));
  return found && `the content is ${found.format}, which is not read`;
}
