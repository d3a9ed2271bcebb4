import { randomStream } from '../base/random.ts';
import { tensor } from '../base/tensor.ts';
import { type Augmentation, augmentedPixels, augmentedView, type Colour } from '../image/augment/index.ts';
import { type RgbImage, resize } from '../image/resize.ts';
import type { Episode, EpisodeSource } from './episode.ts';

/**
 * A source whose images are augmented, support and queries alike, anew in every episode; the same address gives the
 * same pixels.
 *
 * Pixels that a rotation leaves empty get the mean colour of the image's edge: paper stays paper.
 */
export function augmentedSource(source: EpisodeSource, augmentation: Augmentation, seed: number): EpisodeSource {
  if (augmentation.length === 0) return source;
  return {
    ...source,
    draw(shape, address) {
      const episode = source.draw(shape, address);
      const changed = (part: 'support' | 'query'): Episode['support'] => {
        const { shape: of, data } = episode[part];
        const [count = 0, , side = 0] = of;
        const size = 3 * side * side;
        const out = new Uint8Array(data.length);
        for (let i = 0; i < count; i++) {
          const stream = randomStream(seed, 'augment', part, ...address, i);
          const image = interleaved(data.subarray(i * size, (i + 1) * size), side);
          const { box, mirror } = augmentedView(stream, image, { resize: side, crop: side }, augmentation);
          const view = { width: side, height: side, data: new Uint8Array(size) };
          resize(image, box, { width: side, height: side, mirror }, view.data);
          out.set(augmentedPixels(stream, view, augmentation, edgeColour(view.data, side)).data, i * size);
        }
        return tensor('u8', of, out);
      };
      return { ...episode, support: changed('support'), query: changed('query') };
    },
  };
}

/** Planes (3, side, side) as `resize` reads them. */
function interleaved(planes: Uint8Array, side: number): RgbImage {
  const area = side * side;
  const data = new Uint8Array(3 * area);
  for (let c = 0; c < 3; c++) for (let i = 0; i < area; i++) data[3 * i + c] = planes[c * area + i]!;
  return { width: side, height: side, data };
}

/** The mean of the outermost pixels. */
function edgeColour(planes: Uint8Array, side: number): Colour {
  const last = side - 1;
  const mean = (c: number) => {
    const at = (y: number, x: number) => planes[(c * side + y) * side + x]!;
    let sum = 0;
    for (let i = 0; i < last; i++) sum += at(0, i) + at(i, last) + at(last, last - i) + at(last - i, 0);
    return sum / (4 * last);
  };
  return [mean(0), mean(1), mean(2)];
}
