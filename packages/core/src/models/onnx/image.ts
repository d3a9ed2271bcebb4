import { UserError } from '../../base/errors.ts';
import { parseShallow } from '../../base/shallow-json.ts';
import { f32 } from '../../base/tensor.ts';
import { constant, type DecodedModel, type Value } from '../../graph/index.ts';
import { mul, reduceSum, transpose } from '../../ops/index.ts';
import { imageNetPreprocessing, type Preprocessing } from '../model.ts';
import { parsePreprocessing } from '../preprocessing.ts';
import type { FileGraph } from './file-graph.ts';

/** The format in which a file takes its images. */
export interface ImageFormat {
  /** PyTorch's order of axes, or TensorFlow's. */
  readonly layout: 'NCHW' | 'NHWC';
  readonly channels: 1 | 3;
  /** The batch that the file was exported for; 1 where any is welcome. */
  readonly batch: number;
  /** The side of a square image, where the file insists on one. */
  readonly side: number | null;
}

/**
 * The layout and the size of images, from the input's shape, and where that leaves them open, from the nodes that take
 * it. @throws UserError where the input is not images
 */
export function imageFormat({ image, takers }: FileGraph): ImageFormat {
  const shape = image.shape ?? [null, null, null, null];
  const isChannels = (d: unknown) => d === 1 || d === 3;
  const turns = (takers.get(image.name) ?? []).some(({ operator, attributes }) => {
    const perm = attributes.get('perm');
    return operator === 'Transpose' && perm?.kind === 'ints' && perm.value.join() === '0,3,1,2';
  });
  const last = isChannels(shape[3]) && !isChannels(shape[1]);
  const layout = last || (turns && typeof shape[1] !== 'number') ? 'NHWC' : 'NCHW';
  const [channels, height, width] = layout === 'NHWC' ? [shape[3], shape[1], shape[2]] : shape.slice(1);
  if (typeof channels === 'number' && !isChannels(channels)) {
    throw new UserError(`ONNX: expected images of 3 channels or 1, but the input is [${shape.join(', ')}].`);
  }
  const fixed = (d: unknown) => (typeof d === 'number' && d > 0 ? d : null);
  const h = fixed(height);
  const w = fixed(width);
  if (h !== null && w !== null && h !== w) {
    throw new UserError(`ONNX: the file takes images of ${h}x${w}; only squares are supported.`);
  }
  return { layout, channels: channels === 1 ? 1 : 3, batch: fixed(shape[0]) ?? 1, side: h ?? w };
}

/** The share of red, green and blue in brightness (ITU-R BT.601). */
const brightness = [0.299, 0.587, 0.114];

/** Images (n, 3, h, w) in the file's own form. */
export function toFormat(images: Value, { layout, channels }: ImageFormat): Value {
  const grey = () => reduceSum(mul(images, constant(f32([1, 3, 1, 1], brightness))), [1], true);
  const x = channels === 1 ? grey() : images;
  return layout === 'NHWC' ? transpose(x, [0, 2, 3, 1]) : x;
}

export interface PreprocessingOptions {
  readonly mean?: Preprocessing['mean'];
  readonly std?: Preprocessing['std'];
  /** The side of the images. Default: the file's, or 224. */
  readonly size?: number;
  /** The shorter side before the centre is cut out. Default: 8/7 of the size, as for ImageNet. */
  readonly resize?: number;
  readonly interpolation?: Preprocessing['interpolation'];
}

/**
 * The preprocessing of images. An ONNX file does not say it, except for those that Graft wrote: then it is what the
 * caller says, or what is usual for ImageNet, with a note.
 */
export function preprocessingFor(
  model: DecodedModel,
  { image }: FileGraph,
  { side }: ImageFormat,
  options: PreprocessingOptions,
): { preprocessing: Preprocessing; notes: string[] } {
  const written = writtenPreprocessing(model);
  // An input of bytes is normalised in the graph.
  const bytes = { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] } as const;
  const scale = image.dtype === 'u8' ? bytes : (written ?? imageNetPreprocessing);
  const crop = options.size ?? written?.crop ?? side ?? imageNetPreprocessing.crop;
  const proportion = written ? written.resize / written.crop : crop < 64 ? 1 : 256 / 224;
  const preprocessing = {
    resize: options.resize ?? Math.round(crop * proportion),
    crop,
    ...(written?.squash !== undefined && { squash: written.squash }),
    interpolation: options.interpolation ?? written?.interpolation ?? imageNetPreprocessing.interpolation,
    mean: options.mean ?? scale.mean,
    std: options.std ?? scale.std,
    ...(written?.colourProfile && { colourProfile: written.colourProfile }),
    ...(written?.orientation && { orientation: written.orientation }),
  };
  const assumed = !written && image.dtype !== 'u8' && !(options.mean && options.std);
  const { mean, std } = imageNetPreprocessing;
  const notes = assumed
    ? [
        `The file does not say how images are normalised: mean ${mean.join(' ')} and std ${std.join(' ')} of ` +
          'ImageNet are assumed.',
      ]
    : [];
  return { preprocessing, notes };
}

function writtenPreprocessing({ metadata }: DecodedModel): Preprocessing | undefined {
  if (metadata.format !== 'graft' || metadata.preprocessing === undefined) return undefined;
  try {
    return parsePreprocessing(parseShallow(metadata.preprocessing, 2));
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** The names of the classes, in a file that Graft wrote. */
export function writtenClasses({ metadata }: DecodedModel, count: number): readonly string[] | undefined {
  if (metadata.format !== 'graft' || metadata.classes === undefined) return undefined;
  const names = parseShallow(metadata.classes, 1);
  const sound = Array.isArray(names) && names.length === count && names.every((name) => typeof name === 'string');
  return sound ? names : undefined;
}
