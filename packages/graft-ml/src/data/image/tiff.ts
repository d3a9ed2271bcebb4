import { orientationOf, readTags, tiffTags } from '@graft-ml/core/internal/image/file/exif';
import { HeaderError, type ImageHeader } from '@graft-ml/core/internal/image/file/header';

/** Photometric interpretations that are images to look at: grey, RGB, palette, CMYK, YCbCr, Lab. */
const photometrics: ReadonlySet<number> = new Set([0, 1, 2, 3, 5, 6, 8]);

/** The header of a TIFF file (TIFF 6.0): of its first image. */
export function readTiffHeader(file: Uint8Array): ImageHeader {
  const tags = readTags(file);
  const [width, height] = [tags.get(tiffTags.width), tags.get(tiffTags.height)];
  if (width === undefined || height === undefined) {
    throw new HeaderError('unreadable', 'damaged tiff: it does not say how large its image is');
  }
  const samples = tags.get(tiffTags.samples) ?? 1;
  const bits = tags.get(tiffTags.bits) ?? 1;
  const photometric = tags.get(tiffTags.photometric) ?? 1;
  if (samples > 5 || !photometrics.has(photometric)) {
    throw new HeaderError(
      'unreadable',
      `a TIFF of ${samples} channels that are no colours; grey, RGB, CMYK and palettes are read`,
    );
  }
  if (bits > 16 || (tags.get(tiffTags.sampleFormat) ?? 1) !== 1) {
    throw new HeaderError(
      'unreadable',
      `a TIFF of ${bits}-bit numbers that are not colours from black to white; 1 to 16 bits are read`,
    );
  }
  // Strips and tiles are unpacked whole, and libvips keeps a row of tiles.
  const rows = tags.get(tiffTags.tileHeight) ?? tags.get(tiffTags.rowsPerStrip) ?? height;
  return {
    format: 'tiff',
    width,
    height,
    orientation: orientationOf(tags),
    isInk: photometric === 5,
    isDeepWithProfile: photometric === 2 && bits > 8 && tags.has(tiffTags.profile),
    working: Math.min(rows, height) * width * samples * Math.ceil(bits / 8) * 2,
    bare: file,
  };
}
