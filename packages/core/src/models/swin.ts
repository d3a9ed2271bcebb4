import type { Value } from '../graph/index.ts';
import {
  channelsLast,
  conv2d,
  feedForward,
  filled,
  layerNorm,
  linear,
  type Scope,
  stochasticDepth,
  truncatedNormal,
  windowAttention,
} from '../nn/index.ts';
import { add, matmul, pad, reduceMean, reshape, swapLast, transpose } from '../ops/index.ts';
import { family } from './family.ts';
import type { Architecture } from './model.ts';

export interface SwinConfig {
  /** Channels of the first stage; each further stage has twice as many. */
  readonly width: number;
  /** Blocks and attention heads of each stage. */
  readonly stages: readonly (readonly [blocks: number, heads: number])[];
  /** Side of the attention's windows, in pixels of the map. */
  readonly window: number;
  /** The probability that the branches of the last block are left out; it grows from 0 in the first, block by block. */
  readonly stochasticDepth: number;
}

const initialisers = { initialiser: truncatedNormal(0.02), biasInitialiser: filled(0) };

/** Patches of 4x4 pixels, normalised. (n, 3, h, w) → (n, h/4, w/4, channels). */
function patches(s: Scope, images: Value, channels: number): Value {
  const map = conv2d(s.at(0), images, { channels, kernel: 4, stride: 4 });
  return layerNorm(s.at(2), channelsLast(map));
}

/**
 * Merges each 2x2 pixels into one with half as many channels as they have together (section 3.1). (n, h, w, c) → (n,
 * ⌈h/2⌉, ⌈w/2⌉, 2c).
 */
function mergePatches(s: Scope, map: Value): Value {
  const [n, height, width, c] = map.shape as [number, number, number, number];
  const weight = s.at('reduction').param('weight', [2 * c, 4 * c], initialisers.initialiser); // torchvision's order
  const even = pad(map, [0, 0, 0, 0], [0, height % 2, width % 2, 0]);
  const rows = Math.ceil(height / 2);
  const columns = Math.ceil(width / 2);
  // Within a square the upper left comes first, then the lower left: columns outside, rows inside.
  const squares = transpose(reshape(even, [n, rows, 2, columns, 2, c]), [0, 1, 3, 4, 2, 5]);
  return matmul(layerNorm(s.at('norm'), reshape(squares, [n, rows, columns, 4 * c])), swapLast(weight));
}

interface BlockOptions {
  readonly heads: number;
  readonly window: number;
  readonly shifted: boolean;
  readonly dropped: number;
}

/** Attention within windows, then a network for each pixel by itself (fig. 3b). (n, h, w, c) → the same shape. */
function block(s: Scope, x: Value, { dropped, ...windows }: BlockOptions): Value {
  const branch = (name: string, y: Value) => stochasticDepth(s.at('stochastic_depth').at(name), y, dropped);
  const mixed = windowAttention(s.at('attn'), layerNorm(s.at('norm1'), x), { ...windows, ...initialisers });
  const attended = add(x, branch('attn', mixed));
  const hidden = 4 * x.shape[3]!;
  const y = feedForward(s.at('mlp'), layerNorm(s.at('norm2'), attended), { hidden, ...initialisers });
  return add(attended, branch('mlp', y));
}

/**
 * Swin Transformer (Liu et al. 2021, arXiv 2103.14030). Every second block shifts its windows. Maps are (n, h, w, c).
 * Endpoints: features.0 to features.7 and each block, norm, avgpool.
 */
export function swin({ width, stages, window, stochasticDepth: last }: SwinConfig): Architecture {
  const depth = stages.reduce((sum, [blocks]) => sum + blocks, 0);
  return {
    headPath: 'head',
    isRowwise: true,
    sides: { minimum: 4 },
    backbone(s, images) {
      let x = images;
      let index = 0;
      stages.forEach(([blocks, heads], i) => {
        const entry = s.at('features').at(2 * i);
        x = s.endpoint(entry.path, i === 0 ? patches(entry, x, width) : mergePatches(entry, x));
        const stage = s.at('features').at(2 * i + 1);
        for (let k = 0; k < blocks; k++) {
          const unit = stage.at(k);
          const dropped = (last * index++) / (depth - 1);
          x = s.endpoint(unit.path, block(unit, x, { heads, window, shifted: k % 2 === 1, dropped }));
        }
        s.endpoint(stage.path, x);
      });
      return s.endpoint('avgpool', reduceMean(s.endpoint('norm', layerNorm(s.at('norm'), x)), [1, 2]));
    },
    head: (s, features, numClasses) => linear(s.at('head'), features, { features: numClasses, ...initialisers }),
  };
}

export const swins = {
  swin_t: {
    width: 96,
    stages: [
      [2, 3],
      [2, 6],
      [6, 12],
      [2, 24],
    ],
    window: 7,
    stochasticDepth: 0.2,
  },
} as const satisfies Record<string, SwinConfig>;

/** Its variants in the zoo, by name. */
export const swinModels = /* @__PURE__ */ family(swins, swin, 'Liu et al. 2021, arXiv 2103.14030', {
  swin_t: { resize: 232, interpolation: 'bicubic' },
});
