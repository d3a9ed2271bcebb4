import { type Tensors, tensor } from '@graft-ml/core/internal/base/tensor';
import type { OnnxModel } from '@graft-ml/core/internal/export/index';
import type { Preprocessing } from '@graft-ml/core/models';

/**
 * What a network is fed for images of its own size.
 *
 * @param network takes `pixels` u8, or `pixel_values` f32, which are normalised
 * @param pixels planar u8 (n, 3, crop, crop)
 */
export function networkFeeds({ inputs }: OnnxModel, pixels: Uint8Array, preprocessing: Preprocessing): Tensors {
  const { crop, mean, std } = preprocessing;
  const shape = [pixels.length / (3 * crop ** 2), 3, crop, crop];
  if (inputs[0]!.name === 'pixels') return { pixels: tensor('u8', shape, pixels) };
  const values = new Float32Array(pixels.length);
  for (let i = 0; i < pixels.length; i++) {
    const channel = Math.trunc(i / crop ** 2) % 3;
    values[i] = (pixels[i]! / 255 - mean[channel]!) / std[channel]!;
  }
  return { pixel_values: tensor('f32', shape, values) };
}
