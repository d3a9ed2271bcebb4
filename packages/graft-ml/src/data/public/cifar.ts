import { UserError } from '@graft-ml/core/internal/base/errors';
import sharp from 'sharp';

const side = 32;
const recordBytes = 1 + 3 * side * side;

/** The records of a batch of CIFAR-10's binary version. @throws UserError where the last one is cut short */
export function* cifarRecords(batch: Buffer): Generator<{ index: number; label: number; planes: Buffer }> {
  if (batch.length % recordBytes !== 0) {
    throw new UserError(`cifar10: a batch has ${batch.length} bytes, which is no multiple of ${recordBytes}.`);
  }
  for (let index = 0; index < batch.length / recordBytes; index++) {
    const record = batch.subarray(index * recordBytes, (index + 1) * recordBytes);
    yield { index, label: record[0]!, planes: record.subarray(1) };
  }
}

/** Planar RGB (3, 32, 32) as a PNG file. */
export function cifarPng(planes: Uint8Array): Promise<Buffer> {
  const pixels = side * side;
  const data = new Uint8Array(3 * pixels);
  for (let i = 0; i < pixels; i++) {
    for (let channel = 0; channel < 3; channel++) data[3 * i + channel] = planes[channel * pixels + i]!;
  }
  return sharp(data, { raw: { width: side, height: side, channels: 3 } })
    .png()
    .toBuffer();
}
