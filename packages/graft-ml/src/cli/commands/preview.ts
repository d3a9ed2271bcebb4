import { trainConfigSchema } from '@graft-ml/core/internal/recipe/config/train-config';
import { z } from 'zod';
import { shapeOptionsOf } from '../../data/configured.ts';
import { defineCommand } from '../command.ts';
import { fileName, shapeFlags } from '../options/shared.ts';
import { previewResult } from '../show/preview.ts';
import { printResult } from '../show/printer.ts';

export const previewCommand = defineCommand({
  arguments: [{ syntax: '<folder>', description: 'labelled images, in any shape that train takes' }],
  options: z.strictObject({
    ...trainConfigSchema.pick({ augment: true }).shape,
    out: fileName('.png', 'a PNG').default('preview.png').describe('the PNG file to write'),
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
  async run({ positionals: [folder], options, terminal }) {
    const { augment, out, imageSize, images, views, seed, classDepth, ...shape } = options;
    const { writePreview } = await import('../../transfer/write-preview.ts');
    const reading = { classDepth, ...shapeOptionsOf(shape) };
    const preview = await writePreview(folder!, out, { augment, imageSize, images, views, seed, reading });
    printResult(terminal, previewResult(preview, { out, augment, seed, views }));
  },
});
