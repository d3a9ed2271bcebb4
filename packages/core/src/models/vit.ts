import type { Tensors } from '../base/tensor.ts';
import type { Value } from '../graph/index.ts';
import {
  conv2d,
  fanIn,
  feedForward,
  filled,
  glorotUniform,
  type Initialiser,
  layerNorm,
  linear,
  normal,
  type Scope,
  selfAttention,
  truncatedNormal,
} from '../nn/index.ts';
import { add, broadcastTo, concat, reshape, resize, sliceAxis, swapLast } from '../ops/index.ts';
import { family, seenWhole } from './family.ts';
import type { Architecture } from './model.ts';

export interface ViTConfig {
  /** Side of the square patches, in pixels. */
  readonly patch: number;
  readonly layers: number;
  readonly heads: number;
  /** Numbers in each token. */
  readonly width: number;
  /** Features in the middle of each feed-forward part. */
  readonly hidden: number;
  /** Side of the images that the position embedding is made for, in pixels. Default 224. */
  readonly size?: number;
}

const norm = { epsilon: 1e-6 };
const lecunNormal: Initialiser = (shape, stream) => truncatedNormal(Math.sqrt(1 / fanIn(shape)))(shape, stream);

/** A token for each patch, row by row. (n, 3, h, w) → (n, h/patch · w/patch, width). */
function patchTokens(s: Scope, images: Value, { patch, width }: ViTConfig): Value {
  const options = { channels: width, kernel: patch, stride: patch };
  const grid = conv2d(s, images, { ...options, initialiser: lecunNormal, biasInitialiser: filled(0) });
  return swapLast(reshape(grid, [grid.shape[0]!, width, -1]));
}

/**
 * The learned position embedding, (1, 1 + side², width), for a grid of patches of any size: the class token's stays,
 * and the patches' are resized as an image is (Dosovitskiy et al. 2020, section 3.2). → (1, 1 + rows · columns, width).
 */
function resizeGrid(embedding: Value, side: number, grid: readonly [rows: number, columns: number]): Value {
  const [, length, width] = embedding.shape as [number, number, number];
  if (grid[0] === side && grid[1] === side) return embedding;
  const asImage = reshape(swapLast(sliceAxis(embedding, 1, 1, length)), [1, width, side, side]);
  const resized = resize(asImage, grid, 'bicubic', { alignCorners: true });
  return concat([sliceAxis(embedding, 1, 0, 1), swapLast(reshape(resized, [1, width, -1]))], 1);
}

/** Patches and the class token, which stands first, with their positions. (n, 3, h, w) → (n, tokens, width). */
function embed(s: Scope, images: Value, config: ViTConfig): Value {
  const { patch, width, size = 224 } = config;
  const [n, , height, columns] = images.shape as [number, number, number, number];
  const classToken = broadcastTo(s.param('class_token', [1, 1, width], filled(0)), [n, 1, width]);
  const tokens = concat([classToken, patchTokens(s.at('conv_proj'), images, config)], 1);
  const side = size / patch;
  const positions = s.at('encoder').param('pos_embedding', [1, 1 + side * side, width], normal(0.02));
  return add(tokens, resizeGrid(positions, side, [height / patch, columns / patch]));
}

/** Attention between the tokens, then a network for each by itself (fig. 1 right). (n, t, width) → the same shape. */
function encoderLayer(s: Scope, x: Value, { heads, hidden }: ViTConfig): Value {
  const attended = add(x, selfAttention(s.at('self_attention'), layerNorm(s.at('ln_1'), x, norm), { heads }));
  const options = { hidden, initialiser: glorotUniform, biasInitialiser: normal(1e-6) };
  return add(attended, feedForward(s.at('mlp'), layerNorm(s.at('ln_2'), attended, norm), options));
}

/** The side of the images that a file's position embedding is made for, in pixels; undefined where it has none. */
function nativeSize(weights: Tensors, patch: number): number | undefined {
  const tokens = weights['encoder.pos_embedding']?.shape[1] ?? 0;
  const side = Math.sqrt(tokens - 1);
  return Number.isInteger(side) && side > 0 ? side * patch : undefined;
}

/**
 * Vision Transformer (Dosovitskiy et al. 2020, arXiv 2010.11929). Endpoints: embedding, each encoder layer, encoder.ln.
 */
export function vit(config: ViTConfig): Architecture {
  const { patch, layers, width } = config;
  return {
    headPath: 'heads.head',
    isRowwise: true,
    sides: { multipleOf: patch },
    backbone(s, images) {
      let x = s.endpoint('embedding', embed(s, images, config));
      for (let i = 0; i < layers; i++) {
        const layer = s.at('encoder').at('layers').at(`encoder_layer_${i}`);
        x = s.endpoint(layer.path, encoderLayer(layer, x, config));
      }
      x = s.endpoint('encoder.ln', layerNorm(s.at('encoder').at('ln'), x, norm));
      return reshape(sliceAxis(x, 1, 0, 1), [-1, width]);
    },
    backboneFor(weights) {
      const size = nativeSize(weights, patch);
      return vit(size === undefined ? config : { ...config, size }).backbone;
    },
    head: (s, features, numClasses) =>
      linear(s.at('heads').at('head'), features, {
        features: numClasses,
        initialiser: filled(0),
        biasInitialiser: filled(0),
      }),
  };
}

const base = { layers: 12, heads: 12, width: 768, hidden: 3072 };
const large = { layers: 24, heads: 16, width: 1024, hidden: 4096 };

/** A number at the end: fine-tuned on images of that side, so that the weights have more positions. */
export const vits = {
  vit_b_16: { patch: 16, ...base },
  vit_b_16_384: { patch: 16, ...base, size: 384 },
  vit_b_32: { patch: 32, ...base },
  vit_b_32_384: { patch: 32, ...base, size: 384 },
  vit_l_16: { patch: 16, ...large },
  vit_l_16_384: { patch: 16, ...large, size: 384 },
  vit_l_16_512: { patch: 16, ...large, size: 512 },
} as const satisfies Record<string, ViTConfig>;

/** Its variants in the zoo, by name. */
export const vitModels = /* @__PURE__ */ family(vits, vit, 'Dosovitskiy et al. 2020, arXiv 2010.11929', {
  vit_b_16_384: seenWhole(384),
  vit_b_32_384: seenWhole(384),
  vit_l_16: { resize: 242 },
  vit_l_16_384: seenWhole(384),
  vit_l_16_512: seenWhole(512),
});
