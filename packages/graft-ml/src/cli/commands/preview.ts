import { UsageError } from '@graft-ml/core/internal/base/errors';
import { augmentationOf } from '@graft-ml/core/internal/image/augment/levels';
import { formatProblems } from '@graft-ml/core/internal/image/problem';
import { trainConfigSchema } from '@graft-ml/core/internal/recipe/config/index';
import { imageNetPreprocessing } from '@graft-ml/core/models';
import { z } from 'zod';
import { shapeOptionsOf } from '../../data/configured.ts';
import { writeContactSheet } from '../../data/contact-sheet.ts';
import { previewAugmentation } from '../../data/preview.ts';
import { meanColour } from '../../transfer/image-source.ts';
import { defineCommand } from '../command.ts';
import { shapeFlags } from '../options/shared.ts';

/** The largest sheet, in megapixels. */
const largestSheet = 64;

export const previewCommand = defineCommand({
  arguments: [{ syntax: '<folder>', description: 'labelled images, in any shape that train takes' }],
  options: z.strictObject({
    ...trainConfigSchema.pick({ augment: true }).shape,
    out: z.string().default('preview.png').describe('the PNG file to write'),
    images: z.int().min(1).max(100).default(6).describe('rows: one image of each class in turn'),
    views: z.int().min(1).max(100).default(8).describe('augmented views of each, behind the one that evaluation sees'),
    imageSize: z.int().min(8).max(1024).default(224).describe('side of the square the model sees, in pixels'),
    ...trainConfigSchema.pick({ seed: true, classDepth: true }).shape,
    ...shapeFlags,
  }),
  goesOnUnread: () => true,
  examples: [
    'graft preview photos/ --augment strong',
    'graft preview photos/ --augment light,rotate=30 --out sheet.png',
  ],
  async run({ positionals, options, terminal }) {
    const { augment, out, imageSize, images, views, seed, classDepth, ...shape } = options;
    const megapixels = (images * (views + 1) * imageSize ** 2) / 1e6;
    if (megapixels > largestSheet) {
      throw new UsageError(
        `preview: ${images} rows of ${views + 1} images of ${imageSize} pixels are ${Math.round(megapixels)} megapixels, ` +
          `more than ${largestSheet}: ask for fewer or smaller ones.`,
      );
    }
    const { resize, crop } = imageNetPreprocessing;
    const { rows, problems } = await previewAugmentation(positionals[0]!, {
      augmentation: augmentationOf(augment),
      preprocessing: { ...imageNetPreprocessing, crop: imageSize, resize: Math.round((imageSize * resize) / crop) },
      fill: meanColour(imageNetPreprocessing),
      images,
      views,
      seed,
      reading: { classDepth, ...shapeOptionsOf(shape) },
    });
    if (problems.length > 0) terminal.note(formatProblems(problems));
    await writeContactSheet(
      out,
      rows.map((row) => row.images),
    );
    for (const { className, path } of rows) terminal.print(`${className}  ${path}`);
    terminal.print(`\n${rows.length} images, ${views} views of each behind the one of evaluation: ${out}`);
    terminal.printJson({ out, augment, seed, rows: rows.map(({ path, className }) => ({ path, className })) });
  },
});
