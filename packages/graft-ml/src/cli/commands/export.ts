import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { UsageError } from '@graft-ml/core/internal/base/errors';
import type { OnnxForm } from '@graft-ml/core/internal/export/forms';
import { calibrationMethods, exportFormats, hasNetwork } from '@graft-ml/core/internal/export/names';
import { choice } from '@graft-ml/core/internal/recipe/config/choice';
import { z } from 'zod';
import type { Exported, Verification } from '../../export/index.ts';
import { inCommands } from '../../text/wording.ts';
import { defineCommand } from '../command.ts';
import { unlessStopped } from '../long-call.ts';
import { optionalText } from '../options/download.ts';
import { maxDropFlag, modelFlags, parseDtypes } from '../options/export.ts';
import { checkpointFlag } from '../options/shared.ts';
import { dtypeLines, quantisationLines, weightBitsLine } from '../show/dtype-comparison.ts';
import { printResult, progressOf } from '../show/printer.ts';
import { verificationLines } from '../show/verification.ts';

export const exportCommand = defineCommand({
  arguments: [{ syntax: '<run>', description: 'a run folder' }],
  options: z.strictObject({
    format: choice(exportFormats)
      .default('onnx')
      .describe(`format of the export: ${exportFormats.join(' | ')}`),
    ...modelFlags,
    out: optionalText.describe('the file or folder to write; default: in the run folder, model.onnx for onnx'),
    ...checkpointFlag,
    batchSize: z
      .string()
      .refine((text) => text === 'any' || (/^[1-9]\d{0,3}$/.test(text) && Number(text) <= 4096), {
        params: { expected: 'a whole number from 1 to 4096, or any' },
      })
      .default('1')
      .describe('images that the model takes at once: a number, or any'),
    calibrationCount: z
      .int()
      .min(1)
      .default(100)
      .describe('for int8: how many of the training images the ranges of its activations come from'),
    calibrationMethod: choice(calibrationMethods)
      .default('mse')
      .describe(`for int8: how a range is chosen from their numbers: ${calibrationMethods.join(' | ')}`),
    weightBits: choice(['7', '8', 'auto'])
      .default('auto')
      .describe(
        'for int8: bits of a weight: auto (8, limited so that sums are right on every processor) | 7 | 8 (on processors ' +
          'with VNNI and on Arm alone)',
      ),
    keepFp32: z
      .string()
      .default('auto')
      .describe(
        'for int8: layers that stay in f32: auto (as few as hold --max-drop on validation images) | none | their names, ' +
          'with commas between them',
      ),
    ...maxDropFlag,
    data: optionalText.describe(
      'for another dtype: where the dataset is now, if it was moved, or if the run was made by someone else',
    ),
    verify: optionalText.describe('compare what was written with the run on the images of this folder'),
    browser: z
      .boolean()
      .default(false)
      .describe('with --verify: in an installed Chrome or Chromium, too (needs the package playwright-core)'),
    seen: z
      .boolean()
      .default(false)
      .describe(
        'say in the model which images it was trained on, so that evaluations leave them out; with it, whoever has an image can tell',
      ),
    card: z.boolean().default(true).describe('write a README.md, the model card, into a folder of hf or timm'),
    overwrite: z.boolean().default(false).describe('replace files in the way that are not exports of Graft'),
  }),
  goesOnUnread: () => true,
  examples: [
    'graft export runs/x',
    'graft export runs/x --out flowers.onnx --batch-size 8',
    'graft export runs/x --preprocessing inside',
    'graft export runs/x --dtype fp16 --batch-size any',
    'graft export runs/x --format hf --dtype fp32,fp16,int8 --out flowers-hf',
    'graft export runs/x --dtype int8 --max-drop 2',
    'graft export runs/x --verify photos/test --browser',
  ],
  async run({ positionals: [run], options, terminal }) {
    const { out, data, dtype, batchSize, calibrationCount, calibrationMethod, verify, browser, keepFp32, ...others } =
      options;
    if (browser && verify === null) throw new UsageError('export: --browser goes with --verify <folder>.');
    if (verify !== null && !hasNetwork(others.format)) {
      throw new UsageError(`export: --verify compares ONNX models; ${others.format} has weights alone.`);
    }
    const { exportRun } = await import('../../export/export-run.ts');
    const { verifyExport } = await import('../../export/verify-export.ts');
    const { findImages } = await import('../../data/find-images.ts');
    // An export may take long, so that what cannot be compared is said before it.
    if (verify !== null) {
      const { paths } = await findImages([verify]);
      if (paths.length === 1 && !existsSync(paths[0]!))
        throw new UsageError(`export: --verify ${verify}: there is no such folder.`);
    }
    const weightBits = bits[options.weightBits];
    const done = await unlessStopped(terminal, async (signal) => {
      const exported = await exportRun(run!, {
        ...others,
        dtype: parseDtypes(dtype),
        batchSize: batchSize === 'any' ? batchSize : Number(batchSize),
        ...(out !== null && { out }),
        ...(data !== null && { data }),
        calibration: { count: calibrationCount, method: calibrationMethod },
        weightBits,
        keepFp32: keepFp32 === 'auto' || keepFp32 === 'none' ? keepFp32 : keepFp32.split(','),
        signal,
        onProgress: ({ stage, done, total }) => terminal.progress(stage, done, total),
      });
      const verifications: Verification[] = [];
      if (verify === null) return { exported, verifications };
      const { checkpoint } = others;
      const how = { checkpoint, browser, signal, onProgress: progressOf(terminal, 'verifying') };
      for (const model of modelsIn(exported)) verifications.push(await verifyExport(run!, model, verify, how));
      return { exported, verifications };
    });
    if (done === null) return;
    const { exported, verifications } = done;
    const processor = exported.dtypes.includes('int8') ? weightBitsLine(weightBits, await readProcessor()) : '';
    printResult(terminal, {
      notes: [...new Set(verifications.flatMap(({ notes }) => notes))],
      lines: [
        ...linesOf(exported),
        ...(exported.quantisation === null ? [] : ['', ...quantisationLines(exported.quantisation)]),
        ...(processor === '' ? [] : [processor]),
        ...verifications.flatMap((each) => verificationLines(each, verifications.length > 1)),
      ],
      json: verify === null ? exported : { ...exported, verifications },
    });
    if (verifications.some(({ isRequired, agrees }) => isRequired && !agrees)) process.exitCode = 1;
  },
});

const bits = { 7: 7, 8: 8, auto: 'auto' } as const;

/** What Linux says of the processor; empty elsewhere. */
const readProcessor = () => readFile('/proc/cpuinfo', 'utf8').catch(() => '');

/** The ONNX models of an export, or where it has none its folder, which then cannot be verified. */
const modelsIn = ({ path, networks }: Exported) =>
  networks.length === 0 ? [path] : networks.map((network) => network.path);

function linesOf({ path, bytes, files, form, input, difference, comparison, usage, notes }: Exported): string[] {
  const size = `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const lines = [files.length === 1 ? `${path}: ${size}.` : `${path}: ${files.length} files, ${size}.`];
  if (form !== null && input !== null) lines.push(inputs[form](input.join(', ')));
  if (comparison !== null) lines.push(...dtypeLines(comparison));
  else if (difference === 0) lines.push('Run by plain ONNX Runtime it gives the numbers of the run.');
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
  image: (shape) =>
    `Input: image u8 [${shape}] (planes of red, green and blue), of any size: the model resizes and crops it. Outputs: ` +
    'logits and probabilities.',
  rawPixelValues: (shape) =>
    `Input: pixel_values f32 [${shape}] from 0 to 255, of any size: the model resizes and crops it. Output: logits.`,
  pixelValues: (shape) => `Input: pixel_values f32 [${shape}], resized, cropped and normalised. Output: logits.`,
};
