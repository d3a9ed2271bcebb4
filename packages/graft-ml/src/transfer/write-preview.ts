import { OptionError } from '@graft-ml/core/internal/base/errors';
import { meanColour } from '@graft-ml/core/internal/fit/image-batches';
import type { Augmentation } from '@graft-ml/core/internal/image/augment/augmentation';
import { type AugmentationLevel, augmentationOf } from '@graft-ml/core/internal/image/augment/levels';
import { imageNetPreprocessing } from '@graft-ml/core/models';
import { type SheetImage, writeContactSheet } from '../data/contact-sheet.ts';
import { type Preview, type PreviewOptions, type PreviewRow, previewAugmentation } from '../data/preview.ts';

export interface WritePreviewOptions extends Pick<PreviewOptions, 'images' | 'views' | 'seed' | 'reading'> {
  readonly augment: AugmentationLevel | Augmentation;
  /** The side of the square the model sees, in pixels. */
  readonly imageSize: number;
}

/** The largest sheet, in megapixels. */
const largestSheet = 64;

/**
 * Writes a contact sheet of augmented images as a PNG: a row for each image, as evaluation sees it and then as training
 * would, with its class and what was done. The preprocessing is ImageNet's, at `imageSize`.
 *
 * @throws OptionError for a sheet that is too large; UserError where there is no dataset, or `path` cannot be written
 */
export async function writePreview(
  folder: string,
  path: string,
  { augment, imageSize, ...options }: WritePreviewOptions,
): Promise<Preview> {
  assertSheetSize({ imageSize, ...options });
  const { resize, crop } = imageNetPreprocessing;
  const preview = await previewAugmentation(folder, {
    ...options,
    augmentation: augmentationOf(augment),
    preprocessing: { ...imageNetPreprocessing, crop: imageSize, resize: Math.round((imageSize * resize) / crop) },
    fill: meanColour(imageNetPreprocessing),
  });
  await writeContactSheet(path, preview.rows.map(captioned));
  return preview;
}

/** Pixels of an image below which no words fit under it. */
const leastForWords = 80;

/** A row with a caption below each image: its class, and what was done in each epoch. */
function captioned({ className, images, changes }: PreviewRow): readonly SheetImage[] {
  if (images[0]!.width < leastForWords) return images;
  return images.map((image, i) => {
    const words = i === 0 ? [className, 'as evaluated'] : [`epoch ${i}`, ...changes[i]!];
    return { ...image, caption: inLines(words, image.width) };
  });
}

/** Pixels that a letter of a caption takes, about, and the lines that a caption has at most. */
const letter = 6.2;
const mostLines = 3;

/** Words with commas between them, broken to lines of that width. */
function inLines(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)}, ${word}`;
    if (lines.length > 0 && longer.length * letter <= width) lines.splice(-1, 1, longer);
    else lines.push(word);
  }
  return lines.slice(0, mostLines);
}

function assertSheetSize({ images, views, imageSize }: Pick<WritePreviewOptions, 'images' | 'views' | 'imageSize'>) {
  const megapixels = (images * (views + 1) * imageSize ** 2) / 1e6;
  if (megapixels <= largestSheet) return;
  const sheet = `${images} rows of ${views + 1} images of ${imageSize} pixels`;
  throw new OptionError({
    option: 'images',
    expected: `a sheet of at most ${largestSheet} megapixels`,
    received: images,
    problem:
      ` ${images}: ${sheet} are ${Math.round(megapixels)} megapixels, more than ${largestSheet}. Ask for fewer or ` +
      'smaller ones.',
  });
}
