import { beta, type RandomStream, randomStream } from '../base/random.ts';
import { type Tensor, type TensorOf, tensor } from '../base/tensor.ts';
import { copy } from '../runtime/index.ts';
import type { Batch, Source } from './source.ts';

/**
 * The α of the Beta(α, α) that the share of an image is drawn from; null: not used. With both, one of them is drawn per
 * batch.
 */
export interface Mixing {
  readonly mixup: number | null;
  readonly cutmix: number | null;
}

/**
 * A mixed batch: each image keeps `share` of itself, the rest is its partner's, which is the image before it (for the
 * first, the last).
 */
export type Mix =
  | { readonly kind: 'mixup'; readonly share: number }
  | { readonly kind: 'cutmix'; readonly share: number; readonly box: MixBox };

/** Pixels from the top left corner; right and bottom are the first that are outside. */
export interface MixBox {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/**
 * Mixup (Zhang et al. 2017) or cutmix (Yun et al. 2019) of a batch of u8 images (n, 3, height, width), drawn from
 * `stream`.
 */
export function drawMix(stream: RandomStream, { mixup, cutmix }: Mixing, height: number, width: number): Mix {
  const isMixup = cutmix === null || (mixup !== null && stream.integer(2) === 0);
  const alpha = (isMixup ? mixup : cutmix)!;
  const share = beta(stream, alpha, alpha);
  if (isMixup) return { kind: 'mixup', share };
  const box = cutmixBox(share, stream.integer(width), stream.integer(height), height, width);
  const cut = (box.right - box.left) * (box.bottom - box.top);
  return { kind: 'cutmix', share: 1 - cut / (height * width), box };
}

/**
 * A box of 1 - share of the image around (x, y), as far as it lies inside; half its sides are whole pixels, as in
 * torchvision.
 */
export function cutmixBox(share: number, x: number, y: number, height: number, width: number): MixBox {
  const reach = 0.5 * Math.sqrt(1 - share);
  const [halfWidth, halfHeight] = [Math.floor(reach * width), Math.floor(reach * height)];
  return {
    left: Math.max(0, x - halfWidth),
    top: Math.max(0, y - halfHeight),
    right: Math.min(width, x + halfWidth),
    bottom: Math.min(height, y + halfHeight),
  };
}

/**
 * The images of a batch, mixed. Before the normalisation or after it is the same, since shares add up to 1; only that
 * bytes are rounded.
 */
export function mixImages({ shape, data }: TensorOf<'u8'>, mix: Mix): TensorOf<'u8'> {
  const [n, , height, width] = shape as [number, number, number, number];
  const length = data.length / n;
  const out = new Uint8Array(data.length);
  const rounded = new Uint8ClampedArray(out.buffer);
  for (let i = 0; i < n; i++) {
    const own = data.subarray(i * length, (i + 1) * length);
    const partner = data.subarray(((i + n - 1) % n) * length, (((i + n - 1) % n) + 1) * length);
    if (mix.kind === 'mixup') {
      const [ofOwn, ofPartner] = [mix.share, 1 - mix.share];
      for (let j = 0; j < length; j++) rounded[i * length + j] = ofOwn * own[j]! + ofPartner * partner[j]!;
      continue;
    }
    out.set(own, i * length);
    const { left, top, right, bottom } = mix.box;
    for (let line = 0; line < 3 * height; line++) {
      if (line % height < top || line % height >= bottom) continue;
      const start = line * width;
      out.set(partner.subarray(start + left, start + right), i * length + start + left);
    }
  }
  return tensor('u8', shape, out);
}

/**
 * The batches of a source of images, mixed with themselves. What is drawn is addressed by the epoch and the images in
 * the batch, so that a run that is resumed in the midst of an epoch draws the same.
 */
export function mixed(source: Source, mixing: Mixing, seed: number): Source {
  return {
    size: source.size,
    target: source.target,
    async *batches(request) {
      const { batchSize, order, epoch } = request;
      let start = 0;
      for await (const batch of source.batches(request)) {
        const stream = randomStream(seed, 'mix', epoch, ...order.slice(start, start + batchSize));
        start += batchSize;
        yield mixedBatch(batch, drawMix(stream, mixing, ...sidesOf(batch.inputs)));
      }
    },
  };
}

/**
 * A batch with its partners' targets. The target of the larger share comes first: metrics in training are measured by
 * it.
 */
function mixedBatch(batch: Batch, mix: Mix): Batch {
  const { targets } = batch;
  const inputs = mixImages(batch.inputs as TensorOf<'u8'>, mix);
  const partners = rotated(targets);
  return mix.share >= 0.5
    ? { ...batch, inputs, mix: { partners, share: mix.share } }
    : { ...batch, inputs, targets: partners, mix: { partners: targets, share: 1 - mix.share } };
}

/** Rows (n, …), each in the place of the one after it; the last comes first. */
function rotated(value: Tensor): Tensor {
  const width = value.data.length / value.shape[0]!;
  const out = copy(value);
  out.data.copyWithin(width, 0, out.data.length - width);
  for (let i = 0; i < width; i++) out.data[i] = value.data.at(i - width)!;
  return out;
}

function sidesOf({ shape }: Tensor): [height: number, width: number] {
  return [shape[2]!, shape[3]!];
}
