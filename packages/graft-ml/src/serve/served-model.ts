import { readFile } from 'node:fs/promises';
import { inFile, UserError } from '@graft-ml/core/internal/base/errors';
import { type TensorOf, tensor } from '@graft-ml/core/internal/base/tensor';
import { type GradCamAttribution, methodFor, openGradCam, overlay } from '@graft-ml/core/internal/explain/index';
import { networkModel, type OnnxModel, openBatch, writeOnnx } from '@graft-ml/core/internal/export/index';
import { isOnnx } from '@graft-ml/core/internal/models/index';
import type { PredictorSession } from '@graft-ml/core/internal/predict/image-predictor';
import type { Program } from '@graft-ml/core/runtime';
import sharp from 'sharp';
import type { Classifier } from '../evaluate/classifier.ts';
import { openRun } from '../evaluate/open-run.ts';
import { openExport } from '../predict/exported-session.ts';
import { loadOrt, loadSession } from '../runtime/ort.ts';
import type { BatchOutputs, ImageExplanation, ModelDescription, OpenTask, PlanarImage } from './messages.ts';

/** A model in the process that runs it. */
export interface ServedModel {
  readonly description: ModelDescription;
  /** @param pixels u8 (size, 3, crop, crop); `size` is one of the description's */
  run(pixels: Uint8Array, size: number): Promise<BatchOutputs>;
  /** The same for an image of any size, where that is the input. */
  runImage(image: PlanarImage): Promise<BatchOutputs>;
  /**
   * Grad-CAM. @param pixels u8 (3, crop, crop)
   * @param target the position of a class; null: the likeliest
   */
  explain(pixels: Uint8Array, target: number | null): Promise<ImageExplanation>;
}

const withoutGradCam = 'The server was started without Grad-CAM (--no-explain).';
const withoutMaps = 'Grad-CAM needs a network with maps of the image, which this one has not.';
const withoutGradients =
  'Grad-CAM needs gradients, which an exported model has not: serve the run that it was exported from.';

/** Opens the run in a folder, or the file that `graft export` wrote. @throws UserError where it is neither */
export function openServedModel(task: Omit<OpenTask, 'kind'>): Promise<ServedModel> {
  return isOnnx(task.path) ? openFile(task) : openRunFolder(task);
}

/** The powers of 2 up to the largest batch, and that. */
export function batchSizes(maxBatch: number): number[] {
  const powers = Array.from({ length: Math.ceil(Math.log2(maxBatch + 1)) }, (_, i) => 2 ** i);
  return powers.includes(maxBatch) ? powers : [...powers, maxBatch];
}

function upTo(most: number): number[] {
  return Array.from({ length: most }, (_, i) => i + 1);
}

async function openRunFolder(task: Omit<OpenTask, 'kind'>): Promise<ServedModel> {
  const classifier = await openRun(task.path, { threads: task.threads });
  const { classes, preprocessing, notes } = classifier;
  const { crop } = preprocessing;
  const { sizes, run } = (await anyBatch(classifier, task)) ?? (await fixedBatches(classifier, task.maxBatch));
  await warmUp(run, batchSizes(task.maxBatch), crop);
  const unexplained = !task.explains ? withoutGradCam : methodFor(classifier, {}) === 'gradcam' ? null : withoutMaps;
  return {
    description: { classes, input: 'pixels', framing: preprocessing, sizes, unexplained, notes },
    run,
    runImage: unlike('image'),
    explain: unexplained === null ? await openOverlays(classifier) : unlike('Grad-CAM'),
  };
}

/** Runs batches of zeros: the first run of a size is slower. */
async function warmUp(run: ServedModel['run'], sizes: readonly number[], crop: number): Promise<void> {
  for (const size of sizes) await run(new Uint8Array(3 * size * crop * crop), size);
}

type Batches = Pick<ModelDescription, 'sizes'> & Pick<ServedModel, 'run'>;

/** One session for batches of any size; null where the network does not allow that. */
async function anyBatch(
  classifier: Classifier,
  { threads, maxBatch }: Omit<OpenTask, 'kind'>,
): Promise<Batches | null> {
  const network = openedBatch(classifier);
  if (!network) return null;
  const session = await loadSession(writeOnnx(network), threads);
  const { crop } = classifier.preprocessing;
  const run: ServedModel['run'] = (pixels, size) => runSession(session, 'pixels', pixels, [size, 3, crop, crop]);
  return { sizes: upTo(maxBatch), run };
}

function openedBatch(classifier: Classifier): OnnxModel | null {
  try {
    return openBatch((size) => networkModel(classifier, 'pixels', size));
  } catch (error) {
    if (error instanceof UserError) return null;
    throw error;
  }
}

/** A program for each of some sizes. */
async function fixedBatches(classifier: Classifier, maxBatch: number): Promise<Batches> {
  const { crop } = classifier.preprocessing;
  const sizes = batchSizes(maxBatch);
  const programs = new Map<number, Program>();
  for (const size of sizes) programs.set(size, await classifier.runtime.compile({ ...classifier.graph(size) }));
  const run: ServedModel['run'] = async (pixels, size) => {
    const program = programs.get(size);
    if (!program) throw new Error(`no program for ${size} images`);
    const results = await program.run({ pixels: tensor('u8', [size, 3, crop, crop], pixels) });
    return { logits: floats(results.logits?.data), probabilities: floats(results.probabilities?.data) };
  };
  return { sizes, run };
}

async function runSession(
  session: PredictorSession,
  input: string,
  data: Uint8Array,
  shape: readonly number[],
): Promise<BatchOutputs> {
  const { Tensor } = loadOrt();
  const results = await session.run({ [input]: new Tensor('uint8', data, shape) }, ['logits', 'probabilities']);
  return { logits: floats(results.logits?.data), probabilities: floats(results.probabilities?.data) };
}

async function openOverlays(classifier: Classifier): Promise<ServedModel['explain']> {
  const { crop } = classifier.preprocessing;
  const explainer = await openGradCam(classifier, { batchSize: 1 });
  const explain: ServedModel['explain'] = async (pixels, target) => {
    const images = tensor('u8', [1, 3, crop, crop], pixels);
    const found = await explainer.attribute(images, target === null ? {} : { targets: [target] });
    const laid = overlay({ width: crop, height: crop, data: pixels }, found.normalised.data);
    const png = await sharp(laid.data, { raw: { width: crop, height: crop, channels: 3 } })
      .png()
      .toBuffer();
    const [, height, width] = found.grid.shape;
    return {
      target: found.targets[0]!,
      endpoint: found.endpoint,
      map: scaledGrid(found),
      height: height!,
      width: width!,
      overlay: png,
    };
  };
  await explain(new Uint8Array(3 * crop * crop), null);
  return explain;
}

/** The map over its largest value; zeros where nothing speaks for the class. */
function scaledGrid({ grid }: { readonly grid: TensorOf<'f32'> } & Pick<GradCamAttribution, 'grid'>): Float32Array {
  const largest = grid.data.reduce((most, value) => Math.max(most, value), 0);
  return grid.data.map((value) => (largest > 0 ? value / largest : 0));
}

/** The server asks no model for what its description has not. */
function unlike(what: string): () => never {
  return () => {
    throw new Error(`this model has no ${what}`);
  };
}

async function openFile({ path, threads, maxBatch }: Omit<OpenTask, 'kind'>): Promise<ServedModel> {
  const bytes = await readFile(path).catch((cause: Error) => {
    throw new UserError(`${path} cannot be read: ${cause.message}`, { cause });
  });
  const { model, session } = await inFile(path, () => openExport(bytes, threads));
  const { classes, preprocessing, input } = model;
  const { crop } = preprocessing;
  const runPixels = (pixels: Uint8Array, size: number) => runSession(session, input, pixels, [size, 3, crop, crop]);
  const runImage = ({ width, height, data }: PlanarImage) => runSession(session, input, data, [1, 3, height, width]);
  const [first] = session.inputMetadata;
  const own = first?.isTensor ? first.shape[0] : undefined;
  const isFixed = typeof own === 'number' && own > 0;
  await warmUp(runPixels, isFixed ? [own] : batchSizes(maxBatch), crop);
  const sizes = isFixed ? [own] : upTo(maxBatch);
  return {
    description: { classes, input, framing: preprocessing, sizes, unexplained: withoutGradients, notes: [] },
    run: runPixels,
    runImage: input === 'image' ? runImage : unlike('image'),
    explain: unlike('Grad-CAM'),
  };
}

function floats(data: unknown): Float32Array {
  if (data instanceof Float32Array) return data;
  throw new UserError('The model has no outputs `logits` and `probabilities` of float32.');
}
