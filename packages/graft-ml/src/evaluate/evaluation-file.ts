import { extname } from 'node:path';
import { csvCell } from '@graft-ml/core/internal/base/csv';
import { OptionError } from '@graft-ml/core/internal/base/errors';
import { printableJson } from '@graft-ml/core/internal/base/printable';
import type { ImageFile } from '../data/decode.ts';
import { growBytes, growFile } from '../files/write.ts';

/** A labelled image that was classified. */
export interface EvaluatedImage extends ImageFile {
  /** The position of its class among the run's. */
  readonly label: number;
  /** The position of the likeliest class. */
  readonly predicted: number;
  /** One for each class. */
  readonly probabilities: Float32Array;
}

type Write = (path: string, images: AsyncIterable<EvaluatedImage>, classes: readonly string[]) => Promise<void>;

/** The formats of a file of evaluated images, by its extension. */
const formats = { '.csv': writeCsv, '.jsonl': writeJsonLines, '.parquet': writeParquet } as const satisfies Readonly<
  Record<string, Write>
>;

/** @throws OptionError where a file's name does not say in which format images are to be written */
export function assertEvaluationFile(path: string): void {
  if (formatOf(path)) return;
  throw new OptionError({
    option: 'predictions',
    expected: 'a file .csv, .jsonl or .parquet',
    received: path,
    problem: ` ${path}: predictions are written as .csv, .jsonl or .parquet.`,
  });
}

/**
 * Writes images as they come, a row for each: `path`, `label`, `prediction`, `correct`, and a probability for each class
 * (in CSV and Parquet a column `p_<class>`). The file appears when it is complete.
 *
 * @throws OptionError where its name does not say the format; UserError where it cannot be written
 */
export async function writeEvaluatedImages(
  path: string,
  images: AsyncIterable<EvaluatedImage>,
  classes: readonly string[],
): Promise<void> {
  assertEvaluationFile(path);
  await formatOf(path)!(path, images, classes);
}

function formatOf(path: string): Write | undefined {
  const extension = extname(path).toLowerCase();
  return Object.entries(formats).find(([name]) => name === extension)?.[1];
}

/** Nine digits tell every float32 apart. */
const digits = (probability: number) => Number(probability.toPrecision(9));

async function writeCsv(path: string, images: AsyncIterable<EvaluatedImage>, classes: readonly string[]) {
  await growFile(path, async (append) => {
    const columns = ['path', 'label', 'prediction', 'correct', ...classes.map((name) => `p_${name}`)];
    await append(`${columns.map(csvCell).join(',')}\n`);
    for await (const { path: image, label, predicted, probabilities } of images) {
      const facts = [image, classes[label]!, classes[predicted]!, label === predicted].map(csvCell);
      await append(`${[...facts, ...Array.from(probabilities, digits)].join(',')}\n`);
    }
  });
}

async function writeJsonLines(path: string, images: AsyncIterable<EvaluatedImage>, classes: readonly string[]) {
  await growFile(path, async (append) => {
    for await (const image of images) await append(`${printableJson(described(image, classes))}\n`);
  });
}

function described({ path, label, predicted, probabilities }: EvaluatedImage, classes: readonly string[]) {
  return {
    path,
    label: classes[label]!,
    prediction: classes[predicted]!,
    correct: label === predicted,
    probabilities: Object.fromEntries(classes.map((name, i) => [name, digits(probabilities[i]!)])),
  };
}

/** The numbers that are held before they are written: a group of rows. */
const numbersAtOnce = 500_000;

async function writeParquet(path: string, images: AsyncIterable<EvaluatedImage>, classes: readonly string[]) {
  const { ByteWriter, parquetWriteRows } = await import('hyparquet-writer');
  await growBytes(path, async (append) => {
    const writer = new ByteWriter();
    const flush = async () => {
      const bytes = writer.getBytes().slice();
      writer.index = 0;
      await append(bytes);
    };
    const rows = async function* () {
      for await (const image of images) yield rowOf(image, classes);
    };
    await parquetWriteRows({
      writer: Object.assign(writer, { flush, finish: flush }),
      rows: rows(),
      columns: [
        ...(['path', 'label', 'prediction'] as const).map(
          (name) => ({ name, type: 'STRING', nullable: false }) as const,
        ),
        { name: 'correct', type: 'BOOLEAN', nullable: false },
        ...classes.map((name) => ({ name: `p_${name}`, type: 'FLOAT', nullable: false }) as const),
      ],
      rowGroupSize: Math.max(100, Math.min(10_000, Math.floor(numbersAtOnce / classes.length))),
    });
  });
}

function rowOf({ path, label, predicted, probabilities }: EvaluatedImage, classes: readonly string[]) {
  return {
    path,
    label: classes[label]!,
    prediction: classes[predicted]!,
    correct: label === predicted,
    ...Object.fromEntries(classes.map((name, i) => [`p_${name}`, probabilities[i]!])),
  };
}
