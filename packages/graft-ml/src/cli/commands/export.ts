import { join } from 'node:path';
import { z } from 'zod';
import { defineCommand } from '../command.ts';
import { optionalText } from '../options/download.ts';
import { checkpointFlag } from '../options/shared.ts';
import { printResult } from '../show/printer.ts';

export const exportCommand = defineCommand({
  arguments: [{ syntax: '<run>', description: 'a run folder' }],
  options: z.strictObject({
    out: optionalText.describe('the file to write; default: model.onnx in the run folder'),
    ...checkpointFlag,
    batchSize: z.int().min(1).max(4096).default(1).describe('batch size of the file'),
  }),
  goesOnUnread: () => true,
  examples: ['graft export runs/x', 'graft export runs/x --out flowers.onnx --batch-size 8'],
  async run({ positionals: [run], options: { out, checkpoint, batchSize }, terminal }) {
    const { exportClassifier } = await import('../../export/export-classifier.ts');
    const { openRun } = await import('../../predict/open-run.ts');
    const classifier = await openRun(run!, { checkpoint });
    try {
      const exported = await exportClassifier(classifier, out ?? join(run!, 'model.onnx'), { batchSize });
      const { path, bytes, input, difference } = exported;
      const size = `${(bytes / 2 ** 20).toFixed(1)} MiB`;
      const lines = [
        `${path}: ${size}, ${classifier.classes.length} classes.`,
        `Input: pixels u8 [${input.join(', ')}] (planes of red, green and blue), resized and cropped, not normalised. ` +
          'Outputs: logits and probabilities.',
        difference === 0
          ? 'Run by plain ONNX Runtime it gives the numbers of the run.'
          : `Run by plain ONNX Runtime it differs from the run by ${difference.toExponential(1)} at most.`,
      ];
      printResult(terminal, { lines, json: exported });
    } finally {
      await classifier.close();
    }
  },
});
