import type { Value } from '../graph/index.ts';
import {
  type BatchNormOptions,
  convNorm,
  filled,
  globalAveragePool,
  linear,
  normal,
  type Scope,
  squeezeExcitation,
} from '../nn/index.ts';
import { add, relu } from '../ops/index.ts';
import { family } from './family.ts';
import type { Architecture } from './model.ts';

export interface RegNetConfig {
  /** Channels of the first convolution. */
  readonly stem: number;
  /** Blocks in each stage. */
  readonly depths: readonly number[];
  /** Channels of each stage. */
  readonly widths: readonly number[];
  /** Channels of each group of the 3x3 convolutions. */
  readonly groupWidth: number;
  readonly norm?: BatchNormOptions;
}

interface Block {
  readonly channels: number;
  readonly stride: number;
  readonly groupWidth: number;
  readonly norm: BatchNormOptions;
}

/**
 * The Y block: 1x1, grouped 3x3, squeeze-and-excitation, 1x1, beside a shortcut (Radosavovic et al. 2020, section 5.3;
 * fig. 4). (n, c, h, w) → (n, channels, h/stride, w/stride).
 */
function block(s: Scope, x: Value, { channels, stride, groupWidth, norm }: Block): Value {
  const changed = stride > 1 || channels !== x.shape[1];
  const shortcut = changed ? convNorm(s.at('proj'), x, { channels, stride, ...norm }) : x;
  const f = s.at('f');
  const options = { channels, activation: relu, ...norm };
  let y = convNorm(f.at('a'), x, options);
  y = convNorm(f.at('b'), y, { ...options, kernel: 3, stride, groups: channels / groupWidth });
  y = squeezeExcitation(f.at('se'), y, { squeeze: Math.round(x.shape[1]! / 4) });
  y = convNorm(f.at('c'), y, { channels, ...norm });
  return relu(add(shortcut, y));
}

/**
 * RegNet Y (Radosavovic et al. 2020, arXiv 2003.13678). Each stage halves the size. Endpoints: stem, each block, each
 * stage, avgpool.
 */
export function regnet({ stem, depths, widths, groupWidth, norm = {} }: RegNetConfig): Architecture {
  return {
    headPath: 'fc',
    backbone(s, images) {
      const options = { channels: stem, kernel: 3, stride: 2, activation: relu, ...norm };
      let x = s.endpoint('stem', convNorm(s.at('stem'), images, options));
      depths.forEach((depth, i) => {
        const stage = s.at('trunk_output').at(`block${i + 1}`);
        for (let k = 0; k < depth; k++) {
          const unit = stage.at(`block${i + 1}-${k}`);
          x = s.endpoint(
            unit.path,
            block(unit, x, { channels: widths[i]!, stride: k === 0 ? 2 : 1, groupWidth, norm }),
          );
        }
        s.endpoint(stage.path, x);
      });
      return s.endpoint('avgpool', globalAveragePool(x));
    },
    head(s, features, numClasses) {
      const initialisers = { initialiser: normal(0.01), biasInitialiser: filled(0) };
      return linear(s.at('fc'), features, { features: numClasses, ...initialisers });
    },
  };
}

export const regnets = {
  regnet_y_400mf: {
    stem: 32,
    depths: [1, 3, 6, 6],
    widths: [48, 104, 208, 440],
    groupWidth: 8,
  },
  regnet_y_800mf: {
    stem: 32,
    depths: [1, 3, 8, 2],
    widths: [64, 144, 320, 784],
    groupWidth: 16,
  },
} as const satisfies Record<string, RegNetConfig>;

/** Its variants in the zoo, by name. */
export const regnetModels = /* @__PURE__ */ family(regnets, regnet, 'Radosavovic et al. 2020, arXiv 2003.13678', {
  regnet_y_400mf: { resize: 232 },
  regnet_y_800mf: { resize: 232 },
});
