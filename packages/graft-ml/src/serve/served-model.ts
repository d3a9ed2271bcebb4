import { readFile } from 'node:fs/promises';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { parseShallow } from '@graft-ml/core/internal/base/shallow-json';
import { type TensorOf, tensor } from '@graft-ml/core/internal/base/tensor';
import { type GradCamAttribution, methodFor, openGradCam, overlay } from '@graft-ml/core/internal/explain/index';
import { readOnnxMetadata } from '@graft-ml/core/internal/graph/onnx-metadata';
import { isOnnx } from '@graft-ml/core/internal/models/index';
import { parsePreprocessing } from '@graft-ml/core/internal/models/preprocessing';
import type { Program } from '@graft-ml/core/runtime';
import sharp from 'sharp';
import type { Classifier } from '../evaluate/classifier.ts';
import { openRun } from '../evaluate/open-run.ts';
import { loadOrt, loadSession } from '../runtime/ort.ts';
import type { BatchOutputs, ImageExplanation, ModelDescription, OpenTask } from './messages.ts';

/** A model in the process that runs it. */
export interface ServedModel {
  readonly description: ModelDescription;
  /** @param pixels u8 (size, 3, crop, crop); `size` is one of the description's */
  run(pixels: Uint8Array, size: number): Promise<BatchOutputs>;
  /**
   * Grad-CAM. @param pixels u8 (3, crop, crop)
   * @param target the position of a class; null: the likeliest
   */
  explain(pixels: Uint8Array, target: number | null): Promise<ImageExplanation>;
}

/** Opens the run in a folder, or the file that `graft export` wrote. @throws UserError where it is neither */
export function openServedModel(task: Omit<OpenTask, 'kind'>): Promise<ServedModel> {
  return isOnnx(task.path) ? openFile(task) : openRunFolder(task);
}

/** The powers of 2 up to the largest batch, and that. */
export function batchSizes(maxBatch: number): number[] {
  const powers = Array.from({ length: Math.ceil(Math.log2(maxBatch + 1)) }, (_, i) => 2 ** i);
  return powers.includes(maxBatch) ? powers : [...powers, maxBatch];
}

async function openRunFolder(task: Omit<OpenTask, 'kind'>): Promise<ServedModel> {
  const classifier = await openRun(task.path, { threads: task.threads });
  const { classes, preprocessing, notes } = classifier;
  const { crop } = preprocessing;
  const sizes = batchSizes(task.maxBatch);
  const programs = new Map<number, Program>();
  for (const size of sizes) {
    // Static shapes: a program for each size, and the first run of each, which is slower, before there are requests.
    const program = await classifier.runtime.compile({ ...classifier.graph(size) });
    await program.run({ pixels: tensor('u8', [size, 3, crop, crop], new Uint8Array(3 * size * crop * crop)) });
    programs.set(size, program);
  }
  const explain = task.explains && methodFor(classifier, {}) === 'gradcam' ? await openOverlays(classifier) : null;
  return {
    description: { classes, framing: preprocessing, sizes, explains: explain !== null, notes },
    async run(pixels, size) {
      const program = programs.get(size);
      if (!program) throw new Error(`no program for ${size} images`);
      const results = await program.run({ pixels: tensor('u8', [size, 3, crop, crop], pixels) });
      return { logits: floats(results.logits?.data), probabilities: floats(results.probabilities?.data) };
    },
    explain: explain ?? noExplanation,
  };
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

function noExplanation(): never {
  throw new UserError('This model cannot be explained by Grad-CAM.');
}

async function openFile({ path, threads, maxBatch }: Omit<OpenTask, 'kind'>): Promise<ServedModel> {
  const bytes = await readFile(path).catch((cause: Error) => {
    throw new UserError(`${path} cannot be read: ${cause.message}`, { cause });
  });
  const { classes, framing } = describeFile(path, bytes);
  const { crop } = framing;
  const session = await loadSession(bytes, threads).catch((cause: Error) => {
    throw new UserError(`${path} cannot be opened by ONNX Runtime: ${cause.message}`, { cause });
  });
  const { Tensor } = loadOrt();
  const run = async (pixels: Uint8Array, size: number): Promise<BatchOutputs> => {
    const results = await session.run({ pixels: new Tensor('uint8', pixels, [size, 3, crop, crop]) });
    return { logits: floats(results.logits?.data), probabilities: floats(results.probabilities?.data) };
  };
  const [input] = session.inputMetadata;
  const own = input?.isTensor ? input.shape[0] : undefined;
  const sizes = typeof own === 'number' && own > 0 ? [own] : batchSizes(maxBatch);
  for (const size of sizes) await run(new Uint8Array(3 * size * crop * crop), size);
  return { description: { classes, framing, sizes, explains: false, notes: [] }, run, explain: noExplanation };
}

/** The classes and the preprocessing in the metadata of an exported model. */
function describeFile(path: string, bytes: Uint8Array): Pick<ModelDescription, 'classes' | 'framing'> {
  const { format, classes, preprocessing, input = 'pixels' } = readOnnxMetadata(bytes);
  const names = parseShallow(classes ?? '', 1);
  if (format !== 'graft' || !Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
    throw new UserError(`${path} does not say its classes: export a run with \`graft export\`.`);
  }
  if (input !== 'pixels') {
    throw new UserError(
      `${path} takes images of any size, one at a time (its input is \`${input}\`). Serve the run itself, or a file ` +
        'whose input is `pixels`.',
    );
  }
  return { classes: names, framing: parsePreprocessing(parseShallow(preprocessing ?? '', 2)) };
}

function floats(data: unknown): Float32Array {
  if (data instanceof Float32Array) return data;
  throw new UserError('The model has no outputs `logits` and `probabilities` of float32.');
}
