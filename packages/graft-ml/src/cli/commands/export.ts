import { join } from 'node:path';
import { z } from 'zod';
import { exportClassifier } from '../../predict/export.ts';
import { openRun } from '../../predict/open-run.ts';
import { checkpointFlag } from '../checkpoint-flag.ts';
import { defineCommand } from '../command.ts';

export const exportCommand = defineCommand({
  arguments: [{ syntax: '<run>', description: 'a run folder' }],
  options: z.strictObject({
    out: z.string().nullable().default(null).describe('the file to write; default: model.onnx in the run folder'),
    ...checkpointFlag,
    batchSize: z.int().min(1).max(4096).default(1).describe('images that the file takes at once'),
  }),
  goesOnUnread: () => true,
  examples: ['graft export runs/x', 'graft export runs/x --out flowers.onnx --batch-size 8'],
  async run({ positionals, options, terminal }) {
    const run = positionals[0]!;
    const classifier = await openRun(run, { checkpoint: options.checkpoint });
    try {
      const { batchSize, out } = options;
      const exported = await exportClassifier(classifier, out ?? join(run, 'model.onnx'), { batchSize });
      const { path, bytes, input, difference } = exported;
      const size = `${(bytes / 2 ** 20).toFixed(1)} MiB`;
      terminal.print(`${path}: ${size}, ${classifier.classes.length} classes.`);
      terminal.print(
        `It takes pixels u8 [${input.join(', ')}], resized, cropped, red, green and blue planes, not normalised, ` +
          'and gives logits and probabilities.',
      );
      terminal.print(`Run by plain ONNX Runtime it differs from the run by ${difference.toExponential(1)} at most.`);
      terminal.printJson(exported);
    } finally {
      await classifier.close();
    }
  },
});
