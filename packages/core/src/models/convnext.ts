import type { Value } from '../graph/index.ts';
import {
  channelsFirst,
  channelsLast,
  conv2d,
  filled,
  globalAveragePool,
  layerNorm,
  layerNorm2d,
  linear,
  type Scope,
  stochasticDepth,
  truncatedNormal,
} from '../nn/index.ts';
import { add, gelu, mul } from '../ops/index.ts';
import { family } from './family.ts';
import type { Architecture } from './model.ts';

export interface ConvNeXtConfig {
  /** Channels and blocks of each stage. */
  readonly stages: readonly (readonly [channels: number, blocks: number])[];
  /** The probability that the last block is left out; it grows from 0 in the first, block by block. */
  readonly stochasticDepth: number;
}

const initialisers = { initialiser: truncatedNormal(0.02), biasInitialiser: filled(0) };
const norm = { epsilon: 1e-6 };
/** The initial scale of a branch, small so that a deep network starts as the identity (Touvron et al. 2021). */
const layerScale = filled(1e-6);

/** A convolution that divides the image into patches of side `patch`. */
function patches(s: Scope, x: Value, channels: number, patch: number): Value {
  return conv2d(s, x, { channels, kernel: patch, stride: patch, ...initialisers });
}

/** Depthwise 7x7, then two layers for each pixel by itself (Liu et al. 2022, fig. 4). (n, c, h, w) → the same shape. */
function block(s: Scope, x: Value, dropped: number): Value {
  const channels = x.shape[1]!;
  const scale = s.param('layer_scale', [channels, 1, 1], layerScale);
  const layer = (index: number) => s.at('block').at(index);
  let y = conv2d(layer(0), x, { channels, kernel: 7, padding: 3, groups: channels, ...initialisers });
  y = layerNorm(layer(2), channelsLast(y), norm);
  y = gelu(linear(layer(3), y, { features: 4 * channels, ...initialisers }));
  y = channelsFirst(linear(layer(5), y, { features: channels, ...initialisers }));
  return add(x, stochasticDepth(s.at('stochastic_depth'), mul(scale, y), dropped));
}

/**
 * ConvNeXt (Liu et al. 2022, arXiv 2201.03545). Endpoints: features.0 to features.7 and each block, avgpool,
 * classifier.0.
 */
export function convnext({ stages, stochasticDepth: last }: ConvNeXtConfig): Architecture {
  const depth = stages.reduce((sum, [, blocks]) => sum + blocks, 0);
  return {
    headPath: 'classifier.2',
    isRowwise: true,
    sides: { minimum: 4 * 2 ** (stages.length - 1) },
    backbone(s, images) {
      let x = images;
      let index = 0;
      stages.forEach(([channels, blocks], i) => {
        const entry = s.at('features').at(2 * i);
        // The first stage's patches are 4x4 and normalised after, the others' 2x2 and normalised before.
        const entered =
          i === 0
            ? layerNorm2d(entry.at(1), patches(entry.at(0), x, channels, 4), norm)
            : patches(entry.at(1), layerNorm2d(entry.at(0), x, norm), channels, 2);
        x = s.endpoint(entry.path, entered);
        const stage = s.at('features').at(2 * i + 1);
        for (let k = 0; k < blocks; k++) {
          const unit = stage.at(k);
          x = s.endpoint(unit.path, block(unit, x, (last * index++) / (depth - 1)));
        }
        s.endpoint(stage.path, x);
      });
      const pooled = s.endpoint('avgpool', globalAveragePool(x));
      return s.endpoint('classifier.0', layerNorm(s.at('classifier').at(0), pooled, norm));
    },
    head: (s, features, numClasses) =>
      linear(s.at('classifier').at(2), features, { features: numClasses, ...initialisers }),
  };
}

export const convnexts = {
  convnext_tiny: {
    stages: [
      [96, 3],
      [192, 3],
      [384, 9],
      [768, 3],
    ],
    stochasticDepth: 0.1,
  },
  convnext_small: {
    stages: [
      [96, 3],
      [192, 3],
      [384, 27],
      [768, 3],
    ],
    stochasticDepth: 0.4,
  },
  convnext_base: {
    stages: [
      [128, 3],
      [256, 3],
      [512, 27],
      [1024, 3],
    ],
    stochasticDepth: 0.5,
  },
  convnext_large: {
    stages: [
      [192, 3],
      [384, 3],
      [768, 27],
      [1536, 3],
    ],
    stochasticDepth: 0.5,
  },
} as const satisfies Record<string, ConvNeXtConfig>;

/** Its variants in the zoo, by name. */
export const convnextModels = /* @__PURE__ */ family(convnexts, convnext, 'Liu et al. 2022, arXiv 2201.03545', {
  convnext_tiny: { resize: 236 },
  convnext_small: { resize: 230 },
  convnext_base: { resize: 232 },
  convnext_large: { resize: 232 },
});
