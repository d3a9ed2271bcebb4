import { option } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { argmax } from '@graft-ml/core/internal/base/largest';
import { plural } from '@graft-ml/core/internal/base/plural';
import type { Interval } from '@graft-ml/core/internal/evaluate/bootstrap';
import { wilsonInterval } from '@graft-ml/core/internal/evaluate/metrics';
import {
  type ExportDtype,
  exportDtypes,
  networkModel,
  type OnnxModel,
  writeOnnx,
} from '@graft-ml/core/internal/export/index';
import type { Classifier } from '../evaluate/classifier.ts';
import type { Part } from '../evaluate/evaluation-images.ts';
import { type ExportImages, spread } from './export-images.ts';
import { networkFeeds } from './network-feeds.ts';
import { openOnnx } from './onnx-session.ts';

/** One number format on the images of a comparison. */
export interface DtypeRow {
  readonly dtype: ExportDtype;
  /** The bytes of the network as an ONNX file. */
  readonly bytes: number;
  readonly correct: number;
  readonly accuracy: number;
  /** 95 % interval of the accuracy (Wilson 1927). */
  readonly interval: Interval;
  /** The share of the images that it puts into the class that fp32 does. */
  readonly agreement: number;
  /** The median over the images, one at a time, of sessions with the same settings that take turns. */
  readonly milliseconds: number;
}

/** A network in several number formats, on labelled images that it was not trained on. */
export interface DtypeComparison {
  readonly images: number;
  /** `test`: never looked at before. `validation`: those by which the best epoch was chosen. */
  readonly part: Part;
  /** fp32 first. */
  readonly rows: readonly DtypeRow[];
}

export interface CompareOptions {
  /** Ends it between two images, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** More images than these are not needed to see a point of accuracy, and take long; they are spread evenly. */
const mostImages = 2000;

/** Runs a network in several number formats on the images of a run. `networks` take one image; the first is fp32. */
export async function compareDtypes(
  networks: ReadonlyMap<ExportDtype, OnnxModel>,
  classifier: Classifier,
  { compared, part }: ExportImages,
  { signal, onProgress }: CompareOptions = {},
): Promise<DtypeComparison> {
  const images = spread(compared, mostImages);
  const runners = [];
  try {
    for (const [dtype, network] of networks) {
      const file = writeOnnx(network);
      const session = await openOnnx(file);
      runners.push({ dtype, network, session, bytes: file.length, correct: 0, agreeing: 0, times: [] as number[] });
    }
    for (const [i, image] of images.entries()) {
      signal?.throwIfAborted();
      const pixels = await classifier.view(image);
      let reference = -1;
      for (const runner of runners) {
        const feeds = networkFeeds(runner.network, pixels, classifier.preprocessing);
        if (i === 0) await runner.session.run(feeds); // memory is laid out in the first run
        const start = performance.now();
        const { logits } = await runner.session.run(feeds);
        runner.times.push(performance.now() - start);
        const predicted = argmax(logits!.data as Float32Array);
        if (reference === -1) reference = predicted;
        if (predicted === image.label) runner.correct++;
        if (predicted === reference) runner.agreeing++;
      }
      onProgress?.(i + 1, images.length);
    }
  } finally {
    for (const { session } of runners) await session.release();
  }
  const rows = runners.map(({ dtype, bytes, correct, agreeing, times }) => ({
    dtype,
    bytes,
    correct,
    accuracy: correct / images.length,
    interval: wilsonInterval(correct, images.length),
    agreement: agreeing / images.length,
    milliseconds: times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!,
  }));
  return { images: images.length, part, rows };
}

/**
 * Dtypes, those between them and fp32, and fp32, in the order of `exportDtypes`.
 *
 * @param convert converts a network that takes one image from fp32
 */
export async function compareWithFp32(
  classifier: Classifier,
  dtypes: readonly ExportDtype[],
  convert: (network: OnnxModel, dtype: ExportDtype) => Promise<OnnxModel>,
  images: ExportImages,
  options: CompareOptions,
): Promise<DtypeComparison> {
  const network = networkModel(classifier, 'pixels', 1);
  const networks = new Map<ExportDtype, OnnxModel>();
  const last = Math.max(...dtypes.map((dtype) => exportDtypes.indexOf(dtype)));
  for (const dtype of exportDtypes.slice(0, last + 1)) networks.set(dtype, await convert(network, dtype));
  return compareDtypes(networks, classifier, images, options);
}

/**
 * @param hasOthers whether the export has other dtypes beside this one
 * @throws UserError where a number format costs more than `maxDrop` points of accuracy
 */
export function assertDrop(
  { images, part, rows }: DtypeComparison,
  dtype: ExportDtype,
  maxDrop: number,
  hasOthers = false,
): void {
  const [reference] = rows;
  const row = rows.find((one) => one.dtype === dtype);
  if (!reference || !row) return;
  const drop = (100 * (reference.correct - row.correct)) / images;
  if (drop <= maxDrop) return;
  const percent = ({ accuracy, interval: [low, high] }: DtypeRow) =>
    `${(100 * accuracy).toFixed(1)} % (${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)})`;
  const where = plural(images, part === 'all' ? 'image' : `${part} image`);
  const others =
    dtype === 'int8'
      ? ` To lose less, calibrate with more images (${option('calibration.count')}), or name layers that stay in f32 ` +
        `(${option('keepFp32')}).`
      : '';
  throw new UserError(
    `${dtype} costs ${drop.toFixed(1)} points of accuracy: ${percent(row)}, and fp32 ${percent(reference)}, on ${where}. ` +
      `Nothing was written. Pass ${option('maxDrop', Math.ceil(drop * 10) / 10)} to export it all the same` +
      `${hasOthers ? `, or leave ${dtype} out` : ''}.${others}`,
  );
}
