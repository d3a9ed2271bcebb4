import { basename, join, resolve } from 'node:path';
import { formats, type WeightsOrigin } from '@graft-ml/core/internal/export/index';
import type { CheckpointName } from '@graft-ml/core/internal/fit/checkpoint-files';
import type { Run } from '@graft-ml/core/internal/runs/run-file';
import { publishedAs } from '@graft-ml/core/internal/weights/registry/lookup';
import { type OpenRunOptions, openRun } from '../evaluate/open-run.ts';
import { readRun } from '../runs/read-run.ts';
import { type CardFacts, type Exported, type ExportOptions, exportFrom } from './export-classifier.ts';
import { type ExportImages, exportImages } from './export-images.ts';
import { modelCard } from './model-card.ts';

export interface ExportRunOptions extends ExportOptions, Pick<OpenRunOptions, 'openStore' | 'calibrated' | 'cache'> {
  /** The file to write, or for a format of several files the folder. Default: `exportPath`, in the run's folder. */
  readonly out?: string | undefined;
  /**
   * Where the run's dataset is now, if it was moved, or if the run was made by someone else. Needed for other dtypes than
   * fp32, which are calibrated and compared on its images.
   */
  readonly data?: string | undefined;
  /** The checkpoint. Default `best`. */
  readonly checkpoint?: CheckpointName | undefined;
  /**
   * Whether a folder for the Hugging Face hub (`hf`, `timm`) gets a README.md, the run's model card with the accuracy that
   * the run recorded; `modelCard` can measure it. Default true.
   */
  readonly card?: boolean | undefined;
}

/**
 * Exports a run, as `exportClassifier` does a classifier; the model's metadata names the published weights that it
 * began with, and their licence.
 *
 * @param run the run's folder
 * @throws UserError where it is no run, and as `exportClassifier`
 * @example const { path, difference } = await exportRun('runs/flowers', { preprocessing: 'inside' });
 */
export async function exportRun(run: string, options: ExportRunOptions = {}): Promise<Exported> {
  const {
    checkpoint,
    openStore,
    calibrated,
    cache,
    data,
    out = exportPath(run, options),
    card = true,
    ...rest
  } = options;
  const weights = originOf(await readRun(run, openStore));
  const classifier = await openRun(run, { checkpoint, openStore, calibrated, cache });
  try {
    let opened: Promise<ExportImages> | undefined;
    const images = () => {
      opened ??= exportImages(run, classifier, { data, openStore, cache, signal: rest.signal });
      return opened;
    };
    const { format } = rest;
    const facts = { format, checkpoint, openStore, calibrated, evaluate: false, folder: basename(resolve(out)) };
    const cardOf = ({ dtypes, preprocessing, comparison }: CardFacts) =>
      modelCard(run, { ...facts, dtype: dtypes, preprocessing, comparison });
    return await exportFrom(classifier, out, rest, { run, weights, images, card: card ? cardOf : undefined });
  } finally {
    await classifier.close();
  }
}

/**
 * The place of an export that is not told one: `model.onnx` in the run's folder, with what is unlike the default in its
 * name (`model-inside-fp16.onnx`), or a folder named after the format.
 */
export function exportPath(run: string, { format = 'onnx', dtype = [], preprocessing }: ExportOptions): string {
  const dtypes = [dtype].flat().filter((each) => each !== 'fp32');
  const unlike = preprocessing === 'inside' ? ['inside', ...dtypes] : dtypes;
  const { isFile }: { isFile: boolean } = formats[format];
  return join(run, isFile ? `${['model', ...unlike].join('-')}.${format}` : format);
}

/** The published weights that a run began with; null where there were none, or the registry does not know them. */
function originOf({ config: { model, weights } }: Run): WeightsOrigin | null {
  const entry = weights === null || model === null ? undefined : publishedAs(weights, model);
  return entry ? { name: entry.name, licence: entry.licence, url: entry.source } : null;
}
