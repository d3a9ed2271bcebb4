import { UsageError } from '@graft-ml/core/internal/base/errors';
import { explainMethods } from '@graft-ml/core/internal/explain/methods';
import { choice } from '@graft-ml/core/internal/recipe/config/choice';
import { z } from 'zod';
import { defineCommand } from '../command.ts';
import { givenImages } from '../given-images.ts';
import { onInterrupt } from '../interrupt.ts';
import { withClassifier } from '../open-classifier.ts';
import { optionalText } from '../options/download.ts';
import { classifierFlags } from '../options/shared.ts';
import { showOverlays } from '../show/overlays.ts';
import { progressOf } from '../show/printer.ts';

const { tta: _, ...openingFlags } = classifierFlags;

export const explainCommand = defineCommand({
  arguments: [
    {
      syntax: '<run-and-images...>',
      description:
        'a run folder (not with --model), then images, folders of them, patterns (quoted) such as ' +
        'photos/**/*.jpg, or - for a list of paths on stdin',
    },
  ],
  options: z.strictObject({
    method: choice(explainMethods)
      .default('gradcam')
      .describe(
        `${explainMethods.join(' | ')}: where the class is seen (quick); what each pixel adds; how much the ` +
          'output falls where a square is covered (slow)',
      ),
    class: optionalText.describe('class to explain; default: the likeliest one of each image'),
    endpoint: optionalText.describe(
      'for gradcam: the layer to look at, as `graft inspect --blocks` names them; default: the last map of the image',
    ),
    steps: z.int().min(1).max(1000).nullable().default(null).describe('for integrated-gradients: points; default 50'),
    window: z
      .int()
      .min(1)
      .nullable()
      .default(null)
      .describe('for occlusion: side of the covered square, in pixels; default: a seventh of the image'),
    out: z.string().default('explanations').describe('folder to write the PNG files to'),
    overwrite: z.boolean().default(false).describe('replace files of the same names'),
    classes: optionalText.describe(
      'for --model: file with one class name a line (for 1000 outputs ImageNet’s are known)',
    ),
    ...openingFlags,
  }),
  goesOnUnread: () => true,
  examples: [
    'graft explain runs/x photo.jpg',
    'graft explain runs/x photos/ --class glass --out why-glass',
    "graft explain runs/x 'photos/**/*.jpg' --method integrated-gradients --json",
    'graft explain runs/x photo.jpg --endpoint layer3 --overwrite',
    'graft explain --model resnet50 photo.jpg --method occlusion',
  ],
  async run({ positionals, options, terminal }) {
    const { model, classes, method, endpoint, steps, window, out, overwrite, class: name, ...flags } = options;
    const [first, ...others] = positionals;
    const places = model === null ? others : positionals;
    if (places.length === 0) throw new UsageError('explain: give a run and at least one image, or --model.');
    const paths = await givenImages(places, terminal);
    const named = model === null ? { run: first! } : { model, classes };
    const { writeOverlays } = await import('../../explain/write-overlays.ts');
    await withClassifier(named, { ...flags, model, tta: 'none' }, terminal, async (classifier) => {
      const signal = onInterrupt(terminal);
      const chosen = { class: name ?? undefined, endpoint: endpoint ?? undefined, steps: steps ?? undefined };
      const sizes = { window: window ?? undefined, method, out, overwrite, signal };
      const onProgress = progressOf(terminal, 'explaining');
      const overlays = writeOverlays(classifier, paths, { ...chosen, ...sizes, onProgress });
      await showOverlays(terminal, overlays, { signal, out });
    });
  },
});
