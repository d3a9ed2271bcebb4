import { UsageError } from '@graft-ml/core/internal/base/errors';
import { defineCommand } from '../command.ts';
import { givenImages } from '../given-images.ts';
import { onInterrupt } from '../interrupt.ts';
import { withClassifier } from '../open-classifier.ts';
import { explainFlags } from '../options/explain.ts';
import { showOverlays } from '../show/overlays.ts';
import { progressOf } from '../show/printer.ts';

export const explainCommand = defineCommand({
  arguments: [
    {
      syntax: '<run-and-images...>',
      description:
        'a run folder (not with --model), then images, folders of them, patterns (quoted) such as ' +
        'photos/**/*.jpg, or - for a list of paths on stdin',
    },
  ],
  options: explainFlags,
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
      const sizes = { window: window ?? undefined, method: method ?? undefined, out, overwrite, signal };
      const onProgress = progressOf(terminal, 'explaining');
      const overlays = writeOverlays(classifier, paths, { ...chosen, ...sizes, onProgress });
      await showOverlays(terminal, overlays, { signal, out });
    });
  },
});
