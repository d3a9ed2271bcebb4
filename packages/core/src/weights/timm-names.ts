import type { Tensor, Tensors } from '../base/tensor.ts';
import { asMatrix, type NameRule, perChannel, renameTensors } from './name-rules.ts';

/*
 * Rules from timm's (1.0) parameter names to the zoo's, which are torchvision's; ResNet, ResNeXt, DenseNet and
 * Inception v3 have the same in both. Names that are torchvision's already stay.
 */

/** The last two layers before the head are convolutions in timm, over 7x7 and 1x1. */
const vgg: NameRule[] = [
  { from: /^pre_logits\.fc1\.weight$/, to: 'classifier.0.weight', reshape: asMatrix },
  { from: /^pre_logits\.fc2\.weight$/, to: 'classifier.3.weight', reshape: asMatrix },
  { from: /^pre_logits\.fc1\./, to: 'classifier.0.' },
  { from: /^pre_logits\.fc2\./, to: 'classifier.3.' },
  { from: /^head\.fc\./, to: 'classifier.6.' },
];

/**
 * Stem and last convolution, which all of timm's mobile networks name alike; `last` is the last one's number in
 * `features`.
 */
const ends = (last: number): NameRule[] => [
  { from: /^conv_stem\./, to: 'features.0.0.' },
  { from: /^bn1\./, to: 'features.0.1.' },
  { from: /^conv_head\./, to: `features.${last}.0.` },
  { from: /^bn2\./, to: `features.${last}.1.` },
];

/** timm counts blocks in their stage, torchvision through; `starts` are the numbers of each stage's first block. */
const throughNumbers = (starts: readonly number[]): NameRule => ({
  from: /^blocks\.(\d+)\.(\d+)\./,
  to: (_, stage, block) => `features.${starts[Number(stage)]! + Number(block)}.`,
});

/** The first block does not expand: its parts are one place further in front. */
const mobilenetV2: NameRule[] = [
  ...ends(18),
  { from: /^blocks\.0\.0\.conv_dw\./, to: 'features.1.conv.0.0.' },
  { from: /^blocks\.0\.0\.bn1\./, to: 'features.1.conv.0.1.' },
  { from: /^blocks\.0\.0\.conv_pw\./, to: 'features.1.conv.1.' },
  { from: /^blocks\.0\.0\.bn2\./, to: 'features.1.conv.2.' },
  throughNumbers([1, 2, 4, 7, 11, 14, 17]),
  { from: /^(features\.\d+)\.conv_pw\./, to: '$1.conv.0.0.' },
  { from: /^(features\.\d+)\.bn1\./, to: '$1.conv.0.1.' },
  { from: /^(features\.\d+)\.conv_dw\./, to: '$1.conv.1.0.' },
  { from: /^(features\.\d+)\.bn2\./, to: '$1.conv.1.1.' },
  { from: /^(features\.\d+)\.conv_pwl\./, to: '$1.conv.2.' },
  { from: /^(features\.\d+)\.bn3\./, to: '$1.conv.3.' },
  { from: /^classifier\.(weight|bias)$/, to: 'classifier.1.$1' },
];

/**
 * A block of layers that torchvision numbers: where the expansion, if any, the depthwise convolution and so on stand.
 */
interface BlockPlaces {
  readonly expand?: number;
  readonly depthwise: number;
  readonly squeeze?: number;
  readonly project: number;
}

/** timm calls the projection `conv_pw` where there is no expansion, and `conv_pwl` where `conv_pw` is the expansion. */
function blockParts(path: string, { expand, depthwise, squeeze, project }: BlockPlaces): NameRule[] {
  const part = (name: string, place: string): NameRule => ({
    from: new RegExp(`^(${path})\\.${name}\\.`),
    to: `$1.block.${place}.`,
  });
  const convolutions = expand === undefined ? ['conv_dw', 'conv_pw'] : ['conv_pw', 'conv_dw', 'conv_pwl'];
  const places = expand === undefined ? [depthwise, project] : [expand, depthwise, project];
  return [
    ...convolutions.map((name, i) => part(name, `${places[i]}.0`)),
    ...places.map((place, i) => part(`bn${i + 1}`, `${place}.1`)),
    ...(squeeze === undefined
      ? []
      : [part('se\\.conv_reduce', `${squeeze}.fc1`), part('se\\.conv_expand', `${squeeze}.fc2`)]),
  ];
}

/** The first block does not expand. */
const plainFirst: BlockPlaces = { depthwise: 0, project: 1 };
const squeezedFirst: BlockPlaces = { depthwise: 0, squeeze: 1, project: 2 };
const plain: BlockPlaces = { expand: 0, depthwise: 1, project: 2 };
const squeezed: BlockPlaces = { expand: 0, depthwise: 1, squeeze: 2, project: 3 };

/**
 * The layer before the head is a convolution over 1x1 in timm. Its last stage is a convolution that torchvision counts
 * as a block.
 */
const mobilenetV3Ends = (last: number): NameRule[] => [
  { from: /^conv_head\.weight$/, to: 'classifier.0.weight', reshape: asMatrix },
  { from: /^conv_head\./, to: 'classifier.0.' },
  { from: /^classifier\.(weight|bias)$/, to: 'classifier.3.$1' },
  { from: new RegExp(`^(features\\.${last})\\.conv\\.`), to: '$1.0.' },
  { from: new RegExp(`^(features\\.${last})\\.bn1\\.`), to: '$1.1.' },
  ...ends(last),
];

const mobilenetV3Large: NameRule[] = [
  throughNumbers([1, 2, 4, 7, 11, 13, 16]),
  ...mobilenetV3Ends(16),
  ...blockParts('features\\.1', plainFirst),
  ...blockParts('features\\.(?:[4-6]|1[1-5])', squeezed),
  ...blockParts('features\\.(?:[23]|[7-9]|10)', plain),
];

const mobilenetV3Small: NameRule[] = [
  throughNumbers([1, 2, 4, 7, 9, 12]),
  ...mobilenetV3Ends(12),
  ...blockParts('features\\.1', squeezedFirst),
  ...blockParts('features\\.[23]', plain),
  ...blockParts('features\\.(?:[4-9]|1[01])', squeezed),
];

const efficientnet: NameRule[] = [
  ...ends(8),
  { from: /^blocks\.(\d+)\.(\d+)\./, to: (_, stage, block) => `features.${Number(stage) + 1}.${block}.` },
  ...blockParts('features\\.1\\.\\d+', squeezedFirst),
  ...blockParts('features\\.[2-7]\\.\\d+', squeezed),
  { from: /^classifier\.(weight|bias)$/, to: 'classifier.1.$1' },
];

const regnet: NameRule[] = [
  { from: /^stem\.conv\./, to: 'stem.0.' },
  { from: /^stem\.bn\./, to: 'stem.1.' },
  {
    from: /^s(\d)\.b(\d+)\./,
    to: (_, stage, block) => `trunk_output.block${stage}.block${stage}-${Number(block) - 1}.`,
  },
  { from: /\.downsample\.conv\./, to: '.proj.0.' },
  { from: /\.downsample\.bn\./, to: '.proj.1.' },
  { from: /\.conv([123])\.conv\./, to: (_, place) => `.f.${'_abc'[Number(place)]}.0.` },
  { from: /\.conv([123])\.bn\./, to: (_, place) => `.f.${'_abc'[Number(place)]}.1.` },
  { from: /(block\d-\d+)\.se\./, to: '$1.f.se.' },
  { from: /^head\.fc\./, to: 'fc.' },
];

/** torchvision counts the downsampling before a stage, and the stem, as stages. */
const convnext: NameRule[] = [
  { from: /^stem\./, to: 'features.0.' },
  { from: /^stages\.(\d)\.downsample\./, to: (_, stage) => `features.${2 * Number(stage)}.` },
  { from: /^stages\.(\d)\.blocks\.(\d+)\./, to: (_, stage, block) => `features.${2 * Number(stage) + 1}.${block}.` },
  { from: /\.gamma$/, to: '.layer_scale', reshape: perChannel },
  { from: /\.conv_dw\./, to: '.block.0.' },
  { from: /^(features\.\d\.\d+)\.norm\./, to: '$1.block.2.' },
  { from: /\.mlp\.fc1\./, to: '.block.3.' },
  { from: /\.mlp\.fc2\./, to: '.block.5.' },
  { from: /^head\.norm\./, to: 'classifier.0.' },
  { from: /^head\.fc\./, to: 'classifier.2.' },
];

const vit: NameRule[] = [
  { from: /^cls_token$/, to: 'class_token' },
  { from: /^pos_embed$/, to: 'encoder.pos_embedding' },
  { from: /^patch_embed\.proj\./, to: 'conv_proj.' },
  { from: /^blocks\.(\d+)\./, to: 'encoder.layers.encoder_layer_$1.' },
  { from: /\.norm([12])\./, to: '.ln_$1.' },
  { from: /\.attn\.qkv\./, to: '.self_attention.in_proj_' },
  { from: /\.attn\.proj\./, to: '.self_attention.out_proj.' },
  { from: /\.mlp\.fc1\./, to: '.mlp.0.' },
  { from: /\.mlp\.fc2\./, to: '.mlp.3.' },
  { from: /^norm\./, to: 'encoder.ln.' },
  { from: /^head\./, to: 'heads.head.' },
];

/**
 * torchvision counts the patch merging before a stage, and the stem, as stages. Older files hold what follows from the
 * window, too.
 */
const swin: NameRule[] = [
  { from: /^layers\..*\.(attn_mask|relative_position_index)$/, to: null },
  { from: /^patch_embed\.proj\./, to: 'features.0.0.' },
  { from: /^patch_embed\.norm\./, to: 'features.0.2.' },
  { from: /^layers\.(\d)\.downsample\./, to: (_, stage) => `features.${2 * Number(stage)}.` },
  { from: /^layers\.(\d)\.blocks\.(\d+)\./, to: (_, stage, block) => `features.${2 * Number(stage) + 1}.${block}.` },
  { from: /\.mlp\.fc1\./, to: '.mlp.0.' },
  { from: /\.mlp\.fc2\./, to: '.mlp.3.' },
  { from: /^head\.fc\./, to: 'head.' },
];

const byArchitecture: readonly (readonly [architectures: RegExp, rules: readonly NameRule[]])[] = [
  [/^vgg/, vgg],
  [/^mobilenet_v2/, mobilenetV2],
  [/^mobilenet_v3_large/, mobilenetV3Large],
  [/^mobilenet_v3_small/, mobilenetV3Small],
  [/^efficientnet_b/, efficientnet],
  [/^regnet_y/, regnet],
  [/^convnext/, convnext],
  [/^vit/, vit],
  [/^swin/, swin],
];

/** The rules that rename a timm checkpoint for one of the zoo's architectures. None where the names are the same. */
export function timmRules(architecture: string): readonly NameRule[] {
  return byArchitecture.find(([architectures]) => architectures.test(architecture))?.[1] ?? [];
}

/**
 * The tensors of a checkpoint for one of the zoo's architectures, under the zoo's names, whether they come with timm's
 * names or with torchvision's, which stay as they are.
 *
 * @throws UserError where two tensors come to the same name
 *
 * @example
 * const { path, entry } = await resolveWeights('timm/vit_base_patch16_224.augreg_in1k');
 * const { tensors } = await readWeightsFile(path);
 * matchWeights(variables, mapNames(entry.architecture, tensors), { source: path });
 */
export function mapNames(architecture: string, tensors: Tensors): Record<string, Tensor> {
  return renameTensors(timmRules(architecture), tensors);
}
