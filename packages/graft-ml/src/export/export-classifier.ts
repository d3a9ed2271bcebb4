import { basename, resolve } from 'node:path';
import { choiceError } from '@graft-ml/core/internal/base/choice';
import { option } from '@graft-ml/core/internal/base/code';
import { OptionError } from '@graft-ml/core/internal/base/errors';
import {
  type ExportBatch,
  type ExportDtype,
  type ExportDtypes,
  type ExportFormat,
  type ExportInput,
  exportDtypes,
  exportFormats,
  exportMetadata,
  formats,
  formModel,
  hasNetwork,
  type NetworkFile,
  type OnnxForm,
  type PreprocessingPlace,
  preprocessingPlaces,
  type WeightBits,
  type WeightsOrigin,
  writeOnnx,
} from '@graft-ml/core/internal/export/index';
import { textFile } from '@graft-ml/core/internal/export/text-files';
import type { Classifier } from '../evaluate/classifier.ts';
import { differenceOf } from './check-model.ts';
import { assertDrop, compareWithFp32, type DtypeComparison } from './compare-dtypes.ts';
import { type DtypeConverter, dtypeConverter } from './dtypes.ts';
import type { ExportImages } from './export-images.ts';
import { type CalibrationOptions, Int8Conversion, type KeepFp32, type Quantisation } from './int8.ts';
import {
  assertReplaceable,
  assertWritable,
  type ExportedFile,
  writeExportFile,
  writeExportFolder,
} from './write-files.ts';

/** A stage of an export; the numbers count steps of it, or images. */
export interface ExportProgress {
  readonly stage: 'converting' | 'choosing' | 'comparing' | 'checking' | 'writing';
  readonly done: number;
  readonly total: number;
}

export interface ExportOptions {
  /** Default `onnx`: one file. */
  readonly format?: ExportFormat | undefined;
  /**
   * The numbers of the network. Default `fp32`. `hf` takes several, a file for each; the first is the one that readers
   * take where none is named.
   */
  readonly dtype?: ExportDtype | readonly ExportDtype[] | undefined;
  /** Whether the model resizes and crops images itself (`inside`). Default `outside`: its reader does. */
  readonly preprocessing?: PreprocessingPlace | undefined;
  /** Images that the model takes at once; `any`: as many as it is given. Default 1. */
  readonly batchSize?: ExportBatch | undefined;
  /** For int8: the images that the ranges of its activations come from, and how. */
  readonly calibration?: CalibrationOptions | undefined;
  /**
   * For int8: bits of a weight. Default `auto`: 8, limited so that sums are right on every processor; see
   * `QuantiseOptions`.
   */
  readonly weightBits?: WeightBits | undefined;
  /**
   * For int8: the layers that stay in f32. Default `auto`: as few of the most sensitive as hold `maxDrop` on validation
   * images (or, where these are what it is compared on, on training images that it was not calibrated with).
   */
  readonly keepFp32?: KeepFp32 | undefined;
  /** The most points of accuracy that a dtype may cost on the images of the run. Default 1. */
  readonly maxDrop?: number | undefined;
  /**
   * Whether an ONNX model says which images it was trained on and chosen by, 48 bits of the SHA-256 of each, so that an
   * accuracy measured with it leaves them out. With them, whoever has an image can tell that the model knows it. Default
   * false.
   */
  readonly seen?: boolean | undefined;
  /** Whether files that are no exports of Graft's may be replaced. Default false. */
  readonly overwrite?: boolean | undefined;
  /** Ends it before anything is written, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ExportProgress) => void) | undefined;
}

/** An ONNX model of an export. */
export interface ExportedNetwork {
  readonly path: string;
  readonly dtype: ExportDtype;
  readonly bytes: number;
  /** The largest difference of a probability from the classifier, in plain ORT, on images of random pixels. */
  readonly difference: number;
}

/** An exported classifier, and how it compares with what was exported. */
export interface Exported {
  readonly format: ExportFormat;
  readonly dtypes: ExportDtypes;
  /** The file, or the folder of the files. */
  readonly path: string;
  /** The bytes of all files. */
  readonly bytes: number;
  readonly files: readonly ExportedFile[];
  /** The ONNX models, one for each dtype; none for a format of weights alone. */
  readonly networks: readonly ExportedNetwork[];
  /** The form of the ONNX model's input; null for a format without one. */
  readonly form: OnnxForm | null;
  /** The shape of the input, its open sizes by name; null for a format without an ONNX model. */
  readonly input: readonly (number | string)[] | null;
  /** The largest difference of `networks`; null for a format without any. */
  readonly difference: number | null;
  /**
   * Accuracy, size and speed beside fp32 on images of the run that it was not trained on; null for fp32, and for a
   * classifier without a run.
   */
  readonly comparison: DtypeComparison | null;
  /** How it was quantised, and which layers stayed in f32; null for other dtypes than int8. */
  readonly quantisation: Quantisation | null;
  /** The lines of code or commands that open it in its readers. */
  readonly usage: readonly string[];
  /** Where its readers do something else than the run, a sentence each. */
  readonly notes: readonly string[];
}

/** The facts of an export that its model card says. */
export interface CardFacts extends Pick<ExportInput, 'dtypes' | 'preprocessing'>, Pick<Exported, 'comparison'> {}

/** What is known of a classifier that is a run's. */
export interface ExportOrigin {
  readonly run: string;
  readonly weights: WeightsOrigin | null;
  /** The images of its dataset. */
  images(): Promise<ExportImages>;
  /** Its model card, of a format that has one; undefined: none is wanted. */
  readonly card: ((exported: CardFacts) => Promise<string>) | undefined;
}

/**
 * Writes a classifier in a format that others open. `onnx`, the default, is one file of standard operators: `pixels` u8
 * (n, 3, crop, crop), resized and cropped but not normalised, to `logits` and `probabilities` f32 (n, classes), with
 * classes and preprocessing in its metadata; with preprocessing `inside`, `image` u8 (1, 3, h, w) of any size takes the
 * place of `pixels`. ONNX models are run by plain ONNX Runtime before they are written.
 *
 * @param out the file to write, or for a format of several files the folder
 * @throws UserError where the format does not have that dtype or preprocessing, the model is not what it should be, the
 * dtype costs more accuracy than `maxDrop`, or `out` is in the way or cannot be written
 * @example await exportClassifier(classifier, 'flowers.onnx', { batchSize: 8 });
 */
export async function exportClassifier(
  classifier: Classifier,
  out: string,
  options: ExportOptions = {},
): Promise<Exported> {
  return exportFrom(classifier, out, options, null);
}

/** The same with what is known of the run that the classifier is of. */
export async function exportFrom(
  classifier: Classifier,
  out: string,
  options: ExportOptions,
  origin: ExportOrigin | null,
): Promise<Exported> {
  const { format = 'onnx', preprocessing = 'outside', batchSize = 1, overwrite = false, seen = false } = options;
  const { signal, onProgress, calibration = {}, weightBits, keepFp32, maxDrop = 1 } = options;
  const dtypes = dtypesOf(options.dtype);
  assertOffered(format, dtypes, preprocessing);
  if (seen && !hasNetwork(format)) throw noRecord(format);
  const rule = formats[format];
  if (!(maxDrop >= 0)) throw new OptionError({ option: 'maxDrop', expected: 'points from 0 on', received: maxDrop });
  await (rule.isFile ? assertReplaceable : assertWritable)(out, overwrite);
  const int8 = new Int8Conversion({
    classifier,
    calibration,
    weightBits,
    keepFp32,
    maxDrop,
    images: origin ? () => origin.images() : undefined,
    signal,
    onProgress: (stage, done, total) => onProgress?.({ stage, done, total }),
  });
  const convert = dtypeConverter({ int8 });
  const chosen = { dtypes, preprocessing, batchSize };
  const input = { ...chosen, ...inputOf(classifier, origin, { batchSize, convert, seen }) };
  const planned = await rule.files(input);
  const networks = [...planned].flatMap(([name, file]) => (isNetwork(file) ? [{ name, ...file }] : []));
  const isCompared = origin !== null && dtypes.some((dtype) => dtype !== 'fp32');
  const comparison = isCompared
    ? await compareWithFp32(classifier, dtypes, convert, await origin.images(), {
        signal,
        onProgress: (done, total) => onProgress?.({ stage: 'comparing', done, total }),
      })
    : null;
  if (comparison) for (const dtype of dtypes) assertDrop(comparison, dtype, maxDrop, dtypes.length > 1);
  const files = new Map([...planned].map(([name, file]) => [name, isNetwork(file) ? writeOnnx(file.model) : file]));
  const differences: number[] = [];
  for (const { name, form } of networks) {
    signal?.throwIfAborted();
    onProgress?.({ stage: 'checking', done: differences.length, total: networks.length });
    const count = batchSize === 'any' ? 3 : batchSize;
    differences.push(await differenceOf(files.get(name)!, form, classifier, count));
  }
  if (rule.hasCard && origin?.card) files.set('README.md', textFile(await origin.card({ ...input, comparison })));
  signal?.throwIfAborted();
  onProgress?.({ stage: 'writing', done: 0, total: files.size });
  const written = await (rule.isFile ? writeExportFile : writeExportFolder)(out, files, overwrite);
  const places = new Map([...files.keys()].map((name, i) => [name, written[i]!]));
  const [main] = networks;
  return {
    format,
    dtypes,
    path: out,
    bytes: written.reduce((sum, { bytes }) => sum + bytes, 0),
    files: written,
    networks: networks.map(({ name, dtype }, i) => ({ ...places.get(name)!, dtype, difference: differences[i]! })),
    form: main?.form ?? null,
    input: main?.model.inputs[0]?.shape ?? null,
    difference: main ? Math.max(...differences) : null,
    comparison,
    quantisation: dtypes.includes('int8') ? await int8.quantisation() : null,
    usage: rule.usage?.(input, resolve(out)) ?? [],
    notes: rule.notes?.(input) ?? [],
  };
}

/** The parts of an export's input that are the classifier's. */
function inputOf(
  classifier: Classifier,
  origin: ExportOrigin | null,
  {
    batchSize,
    convert,
    seen,
  }: Pick<ExportInput, 'batchSize'> & { readonly convert: DtypeConverter; readonly seen: boolean },
): Pick<ExportInput, 'source' | 'name' | 'origin' | 'onnx'> {
  const weights = origin?.weights ?? null;
  return {
    source: classifier,
    name: origin === null ? classifier.model.name : basename(resolve(origin.run)),
    origin: weights,
    async onnx(form, dtype) {
      const network = await formModel(classifier, form, { batchSize, convert: (each) => convert(each, dtype) });
      const facts = { form, dtype, origin: weights, seen: seen ? classifier.seen : null };
      return { form, dtype, model: { ...network, metadata: exportMetadata(classifier, facts) } };
    },
  };
}

const isNetwork = (file: Uint8Array | NetworkFile): file is NetworkFile => !(file instanceof Uint8Array);

/** One or several dtypes as a list without repetitions. */
function dtypesOf(dtype: ExportOptions['dtype'] = 'fp32'): ExportDtypes {
  const [first = 'fp32', ...others] = new Set(typeof dtype === 'string' ? [dtype] : dtype);
  return [first, ...others];
}

function noRecord(format: ExportFormat): OptionError {
  const problem = `: ${format} has weights alone, which do not say what they were trained on; ONNX models can.`;
  return new OptionError({ option: 'seen', expected: 'false', received: true, problem });
}

/** @throws OptionError where a format has no such dtypes or preprocessing */
function assertOffered(format: ExportFormat, dtypes: ExportDtypes, preprocessing: PreprocessingPlace): void {
  if (!Object.hasOwn(formats, format)) throw choiceError('format', format, exportFormats);
  const rule = formats[format];
  for (const dtype of dtypes) {
    if (!rule.dtypes.includes(dtype)) throw notOffered('dtypes', dtype, exportDtypes, format);
  }
  if (!rule.preprocessing.includes(preprocessing)) {
    throw notOffered('preprocessing', preprocessing, preprocessingPlaces, format);
  }
  if (dtypes.length === 1 || rule.hasSeveralDtypes) return;
  const problem =
    ` ${dtypes.join(', ')}: an export for ${format} has one dtype. Export them one by one, or all of them with ` +
    `${option('format', 'hf')}.`;
  throw new OptionError({ option: 'dtype', expected: 'one', received: dtypes, problem });
}

/** A choice that there is not, or not in this format. */
function notOffered(
  name: 'dtypes' | 'preprocessing',
  received: string,
  known: readonly string[],
  format: ExportFormat,
): OptionError {
  const option = name === 'dtypes' ? 'dtype' : name;
  if (!known.includes(received)) return choiceError(option, received, known);
  const offered: readonly string[] = formats[format][name];
  const others = exportFormats.filter((each) => {
    const choices: readonly string[] = formats[each][name];
    return choices.includes(received);
  });
  const expected = offered.join(' or ');
  const problem = ` ${received}: ${format} has ${expected} only. Formats with ${received}: ${others.join(', ')}.`;
  return new OptionError({ option, expected, received, problem });
}
