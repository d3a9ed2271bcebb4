import { UserError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';
import type { Planes } from '@graft-ml/core/internal/image/augment/index';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import sharp, { type OverlayOptions } from 'sharp';
import type { ImageFile } from './decode.ts';
import { openImagePool } from './decoder-pool.ts';

/** An image of a contact sheet: u8 (3, height, width), and lines of text below it. */
export interface SheetImage extends Planes {
  readonly caption?: readonly string[];
}

/** White pixels between two images, and around all. */
const gap = 4;
const ink = { paper: 255, text: '#1f2328' } as const;
/** Pixels from one line of a caption to the next, and the size of its letters in points. */
const line = { height: 15, points: 8 } as const;

/**
 * Writes images of one size as a PNG, rows below each other, each with its caption. The letters are the machine's: where
 * it has no fonts, captions are boxes or blank.
 *
 * @throws UserError where it cannot be written
 */
export async function writeContactSheet(path: string, rows: readonly (readonly SheetImage[])[]): Promise<void> {
  const { width: cellWidth, height: cellHeight } = rows[0]![0]!;
  const columns = Math.max(...rows.map((row) => row.length));
  const width = gap + columns * (cellWidth + gap);
  const tops: number[] = [];
  let height = gap;
  for (const row of rows) {
    tops.push(height);
    const lines = Math.max(...row.map(({ caption = [] }) => caption.length));
    height += cellHeight + gap + (lines > 0 ? lines * line.height + gap : 0);
  }
  const data = new Uint8Array(width * height * 3).fill(ink.paper);
  const captions: OverlayOptions[] = [];
  for (const [r, row] of rows.entries()) {
    for (const [c, image] of row.entries()) {
      const left = gap + c * (cellWidth + gap);
      paste(image, data, width, left, tops[r]!);
      const written = await textOf(image.caption ?? [], cellWidth);
      if (written) captions.push({ input: written, left, top: tops[r]! + cellHeight + 3 });
    }
  }
  await sharp(data, { raw: { width, height, channels: 3 } })
    .composite(captions)
    .removeAlpha()
    .png()
    .toFile(path)
    .catch((error: Error) => {
      throw new UserError(`Cannot write ${path}: ${error.message}.`, { cause: error });
    });
}

/** Lines of text as an image, cut at `width` pixels; null where there is nothing to see. */
async function textOf(lines: readonly string[], width: number): Promise<Buffer | null> {
  const plain = lines.map((text) => printableName(text)).join('\n');
  if (plain.trim() === '') return null;
  const markup = plain.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const text = `<span foreground="${ink.text}">${markup}</span>`;
  const drawn = await sharp({ text: { text, font: `sans ${line.points}`, dpi: 96, rgba: true } })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width: natural, height, channels } = drawn.info;
  const most = { width: Math.min(natural, width), height: Math.min(height, lines.length * line.height) };
  const whole = sharp(drawn.data, { raw: { width: natural, height, channels } });
  return whole
    .extract({ left: 0, top: 0, ...most })
    .png()
    .toBuffer();
}

/** An image for a sheet of images of a dataset. */
export interface CaptionedImage {
  readonly image: ImageFile;
  readonly caption: readonly string[];
}

export interface ImageSheetOptions {
  /** The side of each image, in pixels. Default 160. */
  readonly side?: number;
  /** Images in a row. Default 6. */
  readonly columns?: number;
  /** The image decoder. It stays its owner's. */
  readonly decoder?: ImageDecoder | undefined;
}

/**
 * Writes a contact sheet of images, of each its middle square, with captions. One that cannot be decoded is grey.
 *
 * @throws UserError where there are none, or it cannot be written
 */
export async function writeImageSheet(
  path: string,
  images: readonly CaptionedImage[],
  { side = 160, columns = 6, decoder }: ImageSheetOptions = {},
): Promise<void> {
  if (images.length === 0) throw new UserError(`${path}: a contact sheet of no images is not written.`);
  await using pool = openImagePool(decoder);
  const request = { kind: 'evaluation', preprocessing: { resize: side, crop: side, squash: false } } as const;
  const cells = await Promise.all(
    images.map(async ({ image, caption }): Promise<SheetImage> => {
      const data = await pool.view(image, request, side).catch((error: unknown) => {
        if (error instanceof ImageError) return new Uint8Array(3 * side * side).fill(128);
        throw error;
      });
      return { width: side, height: side, data, caption };
    }),
  );
  const rows = Array.from({ length: Math.ceil(cells.length / columns) }, (_, r) =>
    cells.slice(r * columns, (r + 1) * columns),
  );
  await writeContactSheet(path, rows);
}

/** Writes a planar image into interleaved rows of `stride` pixels. */
function paste({ width, height, data }: Planes, sheet: Uint8Array, stride: number, left: number, top: number): void {
  const plane = width * height;
  for (let i = 0; i < plane; i++) {
    const to = ((top + Math.floor(i / width)) * stride + left + (i % width)) * 3;
    for (let channel = 0; channel < 3; channel++) sheet[to + channel] = data[channel * plane + i]!;
  }
}
