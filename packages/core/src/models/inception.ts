import { UserError } from '../base/errors.ts';
import { f32 } from '../base/tensor.ts';
import { constant, type Value } from '../graph/index.ts';
import {
  batchNorm,
  conv2d,
  dropout,
  type Extent,
  globalAveragePool,
  linear,
  type Scope,
  truncatedNormal,
} from '../nn/index.ts';
import { add, averagePool, concat, maxPool, mul, relu, resize } from '../ops/index.ts';
import { family, inceptionPreprocessing } from './family.ts';
import { type Architecture, type AuxiliaryHead, imageNetPreprocessing } from './model.ts';

export interface InceptionConfig {
  /** Has a second head, on Mixed_6e. */
  readonly auxiliary: boolean;
  /** Takes images that are normalised by ImageNet's mean and deviation, and itself brings them to ±1. Default false. */
  readonly transformInput?: boolean;
  /** Channels of the pooling tower in each 35x35 block. */
  readonly pooled?: readonly number[];
  /** Channels between the 1x7 and the 7x1 in each 17x17 block. */
  readonly between?: readonly number[];
  /** Number of 8x8 blocks. */
  readonly expanded?: number;
  /** Maps a number of channels to a smaller one, for small tests. Default: as many. */
  readonly narrow?: (channels: number) => number;
  readonly dropout?: number;
}

/** A layer that stands at `name`. `narrow` gives its channels, from those of the full size. */
type Step = (s: Scope, name: string, x: Value, narrow: (channels: number) => number) => Value;
/** Layers one after the other, by name. */
type Tower = Readonly<Record<string, Step>>;
/** Towers side by side: their outputs are concatenated. */
type Block = readonly Tower[];

/** Convolution, batch norm, ReLU. */
const conv =
  (channels: number, kernel: Extent, stride = 1, padding: Extent = 0): Step =>
  (s, name, x, narrow) => {
    const options = { channels: narrow(channels), kernel, stride, padding, initialiser: truncatedNormal(0.1) };
    const y = conv2d(s.at(name).at('conv'), x, { ...options, bias: false });
    return relu(batchNorm(s.at(name).at('bn'), y, { epsilon: 1e-3 }));
  };

/** The same, padded so that the size stays. */
const same = (channels: number, kernel: number): Step => conv(channels, kernel, 1, (kernel - 1) / 2);
const wide = (channels: number, width: number): Step => conv(channels, [1, width], 1, [0, (width - 1) / 2]);
const tall = (channels: number, height: number): Step => conv(channels, [height, 1], 1, [(height - 1) / 2, 0]);

/** 1x3 and 3x1 of the same input. */
const fork =
  (channels: number): Step =>
  (s, name, x, narrow) =>
    concat([wide(channels, 3)(s, `${name}a`, x, narrow), tall(channels, 3)(s, `${name}b`, x, narrow)], 1);

const average: Step = (_s, _name, x) => averagePool(x, { kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] });
const max: Step = (_s, _name, x) => maxPool(x, { kernel: [3, 3], strides: [2, 2] });

/** 299x299 to 35x35 (Szegedy et al. 2015, table 1). */
const stem: Tower = {
  Conv2d_1a_3x3: conv(32, 3, 2),
  Conv2d_2a_3x3: conv(32, 3),
  Conv2d_2b_3x3: same(64, 3),
  maxpool1: max,
  Conv2d_3b_1x1: conv(80, 1),
  Conv2d_4a_3x3: conv(192, 3),
  maxpool2: max,
};

/** 35x35 maps (fig. 5, with one of the 5x5 left as it is). */
const blockA = (pooled: number): Block => [
  { branch1x1: conv(64, 1) },
  { branch5x5_1: conv(48, 1), branch5x5_2: same(64, 5) },
  { branch3x3dbl_1: conv(64, 1), branch3x3dbl_2: same(96, 3), branch3x3dbl_3: same(96, 3) },
  { pool: average, branch_pool: conv(pooled, 1) },
];

/** 35x35 to 17x17 (fig. 10). */
const blockB: Block = [
  { branch3x3: conv(384, 3, 2) },
  { branch3x3dbl_1: conv(64, 1), branch3x3dbl_2: same(96, 3), branch3x3dbl_3: conv(96, 3, 2) },
  { pool: max },
];

/** 17x17 maps, with 7x7 as 1x7 and 7x1 (fig. 6). */
const blockC = (c: number): Block => [
  { branch1x1: conv(192, 1) },
  { branch7x7_1: conv(c, 1), branch7x7_2: wide(c, 7), branch7x7_3: tall(192, 7) },
  {
    branch7x7dbl_1: conv(c, 1),
    branch7x7dbl_2: tall(c, 7),
    branch7x7dbl_3: wide(c, 7),
    branch7x7dbl_4: tall(c, 7),
    branch7x7dbl_5: wide(192, 7),
  },
  { pool: average, branch_pool: conv(192, 1) },
];

/** 17x17 to 8x8. */
const blockD: Block = [
  { branch3x3_1: conv(192, 1), branch3x3_2: conv(320, 3, 2) },
  {
    branch7x7x3_1: conv(192, 1),
    branch7x7x3_2: wide(192, 7),
    branch7x7x3_3: tall(192, 7),
    branch7x7x3_4: conv(192, 3, 2),
  },
  { pool: max },
];

/** 8x8 maps, wider rather than deeper (fig. 7). */
const blockE: Block = [
  { branch1x1: conv(320, 1) },
  { branch3x3_1: conv(384, 1), branch3x3_2: fork(384) },
  { branch3x3dbl_1: conv(448, 1), branch3x3dbl_2: same(384, 3), branch3x3dbl_3: fork(384) },
  { pool: average, branch_pool: conv(192, 1) },
];

/** Blocks under their names: one letter each. */
const named = (stage: string, letters: string, blocks: readonly Block[]) =>
  blocks.map((block, i) => [stage + letters[i], block] as const);

/** 17x17 maps, to which 299 pixels come down, to one position (fig. 8). */
const branch: Tower = {
  pool: (_s, _name, x) => averagePool(x, { kernel: [5, 5], strides: [3, 3] }),
  conv0: conv(128, 1),
  conv1: conv(768, 5),
};
const branchMaps = 17;

const auxiliary: AuxiliaryHead = {
  headPath: 'AuxLogits.fc',
  weight: 0.4,
  minimum: 299,
  head: (s, features, numClasses) =>
    linear(s.at('AuxLogits').at('fc'), features, { features: numClasses, initialiser: truncatedNormal(0.001) }),
};

/**
 * The input of the branch. Its kernels do not fit into the maps of small images. In evaluation, where only the names of
 * its parameters are used, such maps are enlarged.
 */
function branchInput(s: Scope, maps: Value, images: Value): Value {
  const [height, width] = maps.shape.slice(2) as [number, number];
  if (s.training && Math.min(height, width) < branchMaps) {
    throw new UserError(
      `inception_v3: its auxiliary head needs images of at least ${auxiliary.minimum}x${auxiliary.minimum} pixels, ` +
        `these are ${images.shape.slice(2).join('x')}. Use larger ones, or inception_v3_no_aux.`,
    );
  }
  return resize(maps, [Math.max(height, branchMaps), Math.max(width, branchMaps)], 'nearest');
}

/** Converts from ImageNet's normalisation to (x - 0.5) / 0.5 for pixels x in [0, 1]. */
function toUnitRange(x: Value): Value {
  const { mean, std } = imageNetPreprocessing;
  const perChannel = (values: readonly number[]) => constant(f32([1, 3, 1, 1], values));
  return add(mul(x, perChannel(std.map((d) => d / 0.5))), perChannel(mean.map((m) => (m - 0.5) / 0.5)));
}

/**
 * Inception v3 (Szegedy et al. 2015, arXiv 1512.00567). Endpoints: Conv2d_1a_3x3 to maxpool2, Mixed_5b to Mixed_7c,
 * AuxLogits (what the auxiliary head takes), avgpool.
 */
export function inception(config: InceptionConfig): Architecture {
  const { transformInput = false, narrow = (channels) => channels, dropout: p = 0.5 } = config;
  const { pooled = [32, 64, 64], between = [128, 160, 160, 192], expanded = 2 } = config;
  const beforeBranch = [
    ...named('Mixed_5', 'bcd', pooled.map(blockA)),
    ...named('Mixed_6', 'abcde', [blockB, ...between.map(blockC)]),
  ];
  const afterBranch = named('Mixed_7', 'abc', [blockD, ...new Array<Block>(expanded).fill(blockE)]);

  const climb = (s: Scope, x: Value, tower: Tower) =>
    Object.entries(tower).reduce((y, [name, step]) => step(s, name, y, narrow), x);
  const mix = (s: Scope, x: Value, blocks: readonly (readonly [string, Block])[]) =>
    blocks.reduce((y, [name, block]) => {
      const towers = block.map((tower) => climb(s.at(name), y, tower));
      return s.endpoint(name, concat(towers, 1));
    }, x);
  return {
    headPath: 'fc',
    sides: { minimum: 75 },
    ...(config.auxiliary && { auxiliary }),
    backbone(s, images, onAuxiliary) {
      let x = transformInput ? toUnitRange(images) : images;
      for (const [name, step] of Object.entries(stem)) x = s.endpoint(name, step(s, name, x, narrow));
      x = mix(s, x, beforeBranch);
      if (config.auxiliary) {
        const early = climb(s.at('AuxLogits'), branchInput(s, x, images), branch);
        onAuxiliary?.(s.endpoint('AuxLogits', globalAveragePool(early)));
      }
      return s.endpoint('avgpool', globalAveragePool(mix(s, x, afterBranch)));
    },
    head(s, features, numClasses) {
      const dropped = dropout(s.at('dropout'), features, p);
      return linear(s.at('fc'), dropped, { features: numClasses, initialiser: truncatedNormal(0.1) });
    },
  };
}

/** `no_aux` is torchvision's `aux_logits=False`. */
export const inceptions = {
  inception_v3: { auxiliary: true },
  inception_v3_no_aux: { auxiliary: false },
} as const satisfies Record<string, InceptionConfig>;

/** Its variants in the zoo, by name. */
export const inceptionModels = /* @__PURE__ */ family(inceptions, inception, 'Szegedy et al. 2015, arXiv 1512.00567', {
  inception_v3: inceptionPreprocessing,
  inception_v3_no_aux: inceptionPreprocessing,
});
