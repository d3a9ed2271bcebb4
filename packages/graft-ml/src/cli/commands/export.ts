import { exportDtypes, exportFormats, preprocessingPlaces } from '@graft-ml/core/internal/export/names';
import type { OnnxForm } from '@graft-ml/core/internal/export/network-model';
import { choice } from '@graft-ml/core/internal/recipe/config/choice';
import { z } from 'zod';
import type { Exported } from '../../export/index.ts';
import { inCommands } from '../../text/wording.ts';
import { defineCommand } from '../command.ts';
import { optionalText } from '../options/download.ts';
import { checkpointFlag } from '../options/shared.ts';
import { printResult } from '../show/printer.ts';

export const exportCommand = defineCommand({
  arguments: [{ syntax: '<run>', description: 'a run folder' }],
  options: z.strictObject({
    format: choice(exportFormats)
      .default('onnx')
      .describe(`format of the export: ${exportFormats.join(' | ')}`),
    dtype: choice(exportDtypes)
      .default('fp32')
      .describe(`numbers of the network: ${exportDtypes.join(' | ')}`),
    preprocessing: choice(preprocessingPlaces)
      .default('outside')
      .describe('who resizes and crops images: outside (who runs the model) or inside (the model, from any size)'),
    out: optionalText.describe('the file or folder to write; default: in the run folder, model.onnx for onnx'),
    ...checkpointFlag,
    batchSize: z.int().min(1).max(4096).default(1).describe('batch size of the model'),
    overwrite: z.boolean().default(false).describe('replace files in the way that are not exports of Graft'),
  }),
  goesOnUnread: () => true,
  examples: [
    'graft export runs/x',
    'graft export runs/x --out flowers.onnx --batch-size 8',
    'graft export runs/x --format hf --out flowers-hf',
  ],
  async run({ positionals: [run], options: { out, ...options }, terminal }) {
    const { exportRun } = await import('../../export/index.ts');
    const exported = await exportRun(run!, {
      ...options,
      ...(out !== null && { out }),
      onProgress: ({ stage, done, total }) => terminal.progress(stage, done, total),
    });
    printResult(terminal, { lines: linesOf(exported), json: exported });
  },
});

function linesOf({ path, bytes, files, form, input, difference, usage, notes }: Exported): string[] {
  const size = `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const lines = [files.length === 1 ? `${path}: ${size}.` : `${path}: ${files.length} files, ${size}.`];
  if (form !== null && input !== null) lines.push(inputs[form](input.join(', ')));
  if (difference === 0) lines.push('Run by plain ONNX Runtime it gives the numbers of the run.');
  else if (difference !== null) {
    lines.push(`Run by plain ONNX Runtime it differs from the run by ${difference.toExponential(1)} at most.`);
  }
  lines.push(
    ...notes.map(inCommands),
    ...(usage.length === 0 ? [] : ['To open it:', ...usage.map((line) => `  ${line}`)]),
  );
  return lines;
}

/** The input and outputs of an ONNX model, in a sentence or two. */
const inputs: { readonly [F in OnnxForm]: (shape: string) => string } = {
  pixels: (shape) =>
    `Input: pixels u8 [${shape}] (planes of red, green and blue), resized and cropped, not normalised. Outputs: logits ` +
    'and probabilities.',
  pixelValues: (shape) => `Input: pixel_values f32 [${shape}], resized, cropped and normalised. Output: logits.`,
};
