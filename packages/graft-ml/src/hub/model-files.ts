import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { hasNetwork } from '@graft-ml/core/internal/export/names';
import type { DtypeComparison } from '../export/compare-dtypes.ts';
import { type ExportRunOptions, exportRun } from '../export/export-run.ts';
import { kindOfRun } from '../runs/read-run.ts';
import { writePublicRun } from './public-run.ts';
import type { PushFormat } from './push-model.ts';

export interface ModelFilesOptions extends Omit<ExportRunOptions, 'format' | 'out' | 'seen' | 'card' | 'overwrite'> {
  readonly format: PushFormat;
  /** Whether the record of the images that a run has seen goes with it. */
  readonly withSeen: boolean;
}

/**
 * Writes a run in one of the forms in which it is pushed, without a model card.
 * @returns the comparison of its numbers with fp32, if it is exported in others
 * @throws UserError where it has none such
 */
export async function writeModelFiles(
  run: string,
  folder: string,
  options: ModelFilesOptions,
): Promise<DtypeComparison | null> {
  const { format, withSeen, ...exporting } = options;
  const { checkpoint, openStore } = exporting;
  if (format === 'run') {
    await writePublicRun(run, folder, { checkpoint, openStore, withSeen });
    return null;
  }
  if ((await kindOfRun(run, openStore)) === 'meta') {
    throw new UserError(`${run} is a run of meta-learning, which is pushed in the format \`run\` alone.`);
  }
  const out = format === 'onnx' ? join(folder, 'model.onnx') : folder;
  const seen = withSeen && hasNetwork(format); // weights alone say nothing of training images
  const { comparison } = await exportRun(run, { ...exporting, format, out, seen, card: false });
  return comparison;
}
