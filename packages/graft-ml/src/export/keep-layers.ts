import { argmax } from '@graft-ml/core/internal/base/largest';
import type { Tensors } from '@graft-ml/core/internal/base/tensor';
import {
  type ActivationRanges,
  type LayerError,
  layerErrors,
  type OnnxModel,
  quantise,
  type WeightBits,
  writeOnnx,
} from '@graft-ml/core/internal/export/index';
import type { ClassifierInput } from '../evaluate/classifier.ts';
import { spread } from './export-images.ts';
import { openOnnx } from './onnx-session.ts';

/** What int8 does to held-out images, with these layers in f32. */
export interface HeldOutResult {
  readonly kept: number;
  /** Images that get another class than in fp32. */
  readonly changed: number;
  /** Images that get the wrong class where fp32's is right, less those the other way around. */
  readonly lost: number;
}

/** The layers that stay in f32, and why. */
export interface KeptChoice {
  /** The most sensitive first. */
  readonly kept: readonly string[];
  /** What quantising each layer alone changes, the largest first; null where it was not needed. */
  readonly errors: readonly LayerError[] | null;
  /** The tries, the last one taken; null where the layers were named. */
  readonly heldOut: {
    /** Where the images are from; never from the test part. */
    readonly part: 'validation' | 'training' | 'calibration';
    readonly images: number;
    readonly tries: readonly HeldOutResult[];
  } | null;
}

/** Images by which layers are chosen. */
export interface KeepImages {
  readonly part: 'validation' | 'training' | 'calibration';
  /** Held out: whether int8 keeps their classes decides. */
  readonly images: readonly (ClassifierInput | (ClassifierInput & { readonly label: number }))[];
  /** A few of those that the ranges are from: they order the layers. */
  readonly calibration: readonly ClassifierInput[];
  feeds(image: ClassifierInput): Promise<Tensors>;
}

export interface KeepOptions {
  readonly weightBits: WeightBits;
  /** The most points of accuracy that may be lost. */
  readonly maxDrop: number;
  readonly signal: AbortSignal | undefined;
  onProgress(done: number, total: number): void;
}

/** More held-out images than these take long. */
const mostImages = 200;

/**
 * Finds how many layers have to stay in f32, the most sensitive first: as few as leave no more than `maxDrop` points of
 * the held-out images lost, and no more than twice as many with another class, both rounded up to whole images. Images
 * that change class are more than those that lose their right one, so that they say more where there are few.
 */
export async function chooseKept(
  { model, ranges }: { readonly model: OnnxModel; readonly ranges: ActivationRanges },
  { part, images, calibration, feeds }: KeepImages,
  { weightBits, maxDrop, signal, onProgress }: KeepOptions,
): Promise<KeptChoice> {
  const chosen = spread(images, mostImages);
  const exact = await classesOf(model);
  const tries: HeldOutResult[] = [];
  const allowed = (points: number) => Math.ceil((points / 100) * chosen.length);
  const isEnough = ({ changed, lost }: HeldOutResult) => lost <= allowed(maxDrop) && changed <= allowed(2 * maxDrop);
  const first = await attempt([]);
  if (isEnough(first)) return { kept: [], errors: null, heldOut: { part, images: chosen.length, tries } };

  const sensitive = await Promise.all(calibration.map(feeds));
  const errors = await layerErrors(model, ranges, sensitive, { open: openOnnx, weightBits, signal, onProgress });
  const names = errors.map(({ name }) => name);
  for (const count of countsUpTo(names.length)) {
    if (isEnough(await attempt(names.slice(0, count)))) break;
  }
  // Where nothing is enough, what changed least.
  const last = tries.at(-1)!;
  const best = isEnough(last) ? last : tries.toSorted((a, b) => a.changed - b.changed || a.kept - b.kept)[0]!;
  if (best !== last) tries.push(best);
  return { kept: names.slice(0, best.kept), errors, heldOut: { part, images: chosen.length, tries } };

  async function attempt(kept: readonly string[]): Promise<HeldOutResult> {
    const classes = await classesOf(quantise(model, ranges, { weightBits, keep: new Set(kept) }));
    let [changed, lost] = [0, 0];
    for (const [i, image] of chosen.entries()) {
      if (classes[i] === exact[i]) continue;
      changed++;
      const label = typeof image === 'object' && 'label' in image ? image.label : undefined;
      if (label === exact[i]) lost++;
      if (label === classes[i]) lost--;
    }
    const result = { kept: kept.length, changed, lost };
    tries.push(result);
    return result;
  }

  async function classesOf(network: OnnxModel): Promise<number[]> {
    const session = await openOnnx(writeOnnx(network));
    try {
      const classes: number[] = [];
      for (const image of chosen) {
        signal?.throwIfAborted();
        const { logits } = await session.run(await feeds(image));
        classes.push(argmax(logits!.data as Float32Array));
      }
      return classes;
    } finally {
      await session.release();
    }
  }
}

/** 1, 2, 3, 4, 6, 8, 12, …, at most half of the layers: beyond, int8 is not worth its name. */
function countsUpTo(layers: number): number[] {
  const counts = [1, 2, 3, 4];
  while (counts.at(-1)! < layers) counts.push(counts.at(-2)! * 2);
  return counts.filter((count) => count <= layers / 2);
}
