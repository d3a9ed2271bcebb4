import { UserError } from '@graft-ml/core/internal/base/errors';
import type { Planes } from '@graft-ml/core/internal/image/augment/index';
import sharp from 'sharp';

/** White pixels between two images, and around all. */
const gap = 4;

/** Writes images of one size as a PNG, rows below each other. @throws UserError where it cannot be written */
export async function writeContactSheet(path: string, rows: readonly (readonly Planes[])[]): Promise<void> {
  const { width: cellWidth, height: cellHeight } = rows[0]![0]!;
  const columns = Math.max(...rows.map((row) => row.length));
  const width = gap + columns * (cellWidth + gap);
  const height = gap + rows.length * (cellHeight + gap);
  const data = new Uint8Array(width * height * 3).fill(255);
  rows.forEach((row, r) => {
    row.forEach((image, c) => {
      paste(image, data, width, gap + c * (cellWidth + gap), gap + r * (cellHeight + gap));
    });
  });
  await sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toFile(path)
    .catch((error: Error) => {
      throw new UserError(`${path} cannot be written: ${error.message}`);
    });
}

/** Writes a planar image into interleaved rows of `stride` pixels. */
function paste({ width, height, data }: Planes, sheet: Uint8Array, stride: number, left: number, top: number): void {
  const plane = width * height;
  for (let i = 0; i < plane; i++) {
    const to = ((top + Math.floor(i / width)) * stride + left + (i % width)) * 3;
    for (let channel = 0; channel < 3; channel++) sheet[to + channel] = data[channel * plane + i]!;
  }
}
