import { type Shape, sizeOf } from '../base/tensor.ts';
import { asMatrix, type NameRule } from '../weights/name-rules.ts';

/*
 * Rules from the zoo's parameter names, which are torchvision's, to timm's (1.0): the inverse of `weights/timm-names.ts`.
 * What timm does not keep is left out.
 */

/** (o, i · side²) → (o, i, side, side): a matrix as the convolution that sees all of its input. */
const asKernel =
  (side: number) =>
  (shape: Shape): Shape => {
    const [outputs, inputs] = asMatrix(shape);
    return [outputs!, inputs! / side ** 2, side, side];
  };

/** (c, 1, 1) → (c): one number per channel, as a vector. */
const asVector = (shape: Shape): Shape => [sizeOf(shape)];

/** The head for training alone. */
const inception: NameRule[] = [{ from: /^AuxLogits\./, to: null }];

const vgg: NameRule[] = [
  { from: /^classifier\.0\.weight$/, to: 'pre_logits.fc1.weight', reshape: asKernel(7) },
  { from: /^classifier\.3\.weight$/, to: 'pre_logits.fc2.weight', reshape: asKernel(1) },
  { from: /^classifier\.0\./, to: 'pre_logits.fc1.' },
  { from: /^classifier\.3\./, to: 'pre_logits.fc2.' },
  { from: /^classifier\.6\./, to: 'head.fc.' },
];

/** Stem and last convolution of mobile networks; `last` is the last one's number in `features`. */
const ends = (last: number): NameRule[] => [
  { from: /^features\.0\.0\./, to: 'conv_stem.' },
  { from: /^features\.0\.1\./, to: 'bn1.' },
  { from: new RegExp(`^features\\.${last}\\.0\\.`), to: 'conv_head.' },
  { from: new RegExp(`^features\\.${last}\\.1\\.`), to: 'bn2.' },
];

/** torchvision counts blocks through, timm in their stage; `starts` are the numbers of each stage's first block. */
const stageNumbers = (starts: readonly number[]): NameRule => ({
  from: /^features\.(\d+)\./,
  to: (_, number) => {
    const stage = starts.findLastIndex((start) => start <= Number(number));
    return `blocks.${stage}.${Number(number) - starts[stage]!}.`;
  },
});

const mobilenetV2: NameRule[] = [
  ...ends(18),
  { from: /^(features\.1)\.conv\.0\.0\./, to: '$1.conv_dw.' },
  { from: /^(features\.1)\.conv\.0\.1\./, to: '$1.bn1.' },
  { from: /^(features\.1)\.conv\.1\./, to: '$1.conv_pw.' },
  { from: /^(features\.1)\.conv\.2\./, to: '$1.bn2.' },
  { from: /^(features\.\d+)\.conv\.0\.0\./, to: '$1.conv_pw.' },
  { from: /^(features\.\d+)\.conv\.0\.1\./, to: '$1.bn1.' },
  { from: /^(features\.\d+)\.conv\.1\.0\./, to: '$1.conv_dw.' },
  { from: /^(features\.\d+)\.conv\.1\.1\./, to: '$1.bn2.' },
  { from: /^(features\.\d+)\.conv\.2\./, to: '$1.conv_pwl.' },
  { from: /^(features\.\d+)\.conv\.3\./, to: '$1.bn3.' },
  stageNumbers([1, 2, 4, 7, 11, 14, 17]),
  { from: /^classifier\.1\./, to: 'classifier.' },
];

/** The parts of a block in the order in which torchvision numbers them; `se` stands for squeeze and excitation. */
type BlockParts = readonly string[];

/** A block that does not expand, and one that does, each without and with squeeze and excitation. */
const plainFirst: BlockParts = ['conv_dw', 'conv_pw'];
const squeezedFirst: BlockParts = ['conv_dw', 'se', 'conv_pw'];
const plain: BlockParts = ['conv_pw', 'conv_dw', 'conv_pwl'];
const squeezed: BlockParts = ['conv_pw', 'conv_dw', 'se', 'conv_pwl'];
/** EfficientNetV2's: one convolution in place of the expansion and the depthwise one. */
const single: BlockParts = ['conv'];
const fused: BlockParts = ['conv_exp', 'conv_pwl'];

/** timm numbers the norms of a block without counting squeeze and excitation. */
function blockParts(path: string, parts: BlockParts): NameRule[] {
  const rule = (place: string, name: string): NameRule => ({
    from: new RegExp(`^(${path})\\.block\\.${place}\\.`),
    to: `$1.${name}.`,
  });
  const norms = parts.filter((part) => part !== 'se');
  return parts.flatMap((part, i) =>
    part === 'se'
      ? [rule(`${i}\\.fc1`, 'se.conv_reduce'), rule(`${i}\\.fc2`, 'se.conv_expand')]
      : [rule(`${i}\\.0`, part), rule(`${i}\\.1`, `bn${norms.indexOf(part) + 1}`)],
  );
}

/** The layer before the head is a convolution over 1x1 in timm, and what torchvision counts as a block is a stage. */
const mobilenetV3Ends = (last: number, starts: readonly number[]): NameRule[] => [
  { from: /^features\.0\.0\./, to: 'conv_stem.' },
  { from: /^features\.0\.1\./, to: 'bn1.' },
  { from: new RegExp(`^(features\\.${last})\\.0\\.`), to: '$1.conv.' },
  { from: new RegExp(`^(features\\.${last})\\.1\\.`), to: '$1.bn1.' },
  stageNumbers(starts),
  { from: /^classifier\.0\.weight$/, to: 'conv_head.weight', reshape: asKernel(1) },
  { from: /^classifier\.0\./, to: 'conv_head.' },
  { from: /^classifier\.3\./, to: 'classifier.' },
];

const mobilenetV3Large: NameRule[] = [
  ...blockParts('features\\.1', plainFirst),
  ...blockParts('features\\.(?:[4-6]|1[1-5])', squeezed),
  ...blockParts('features\\.(?:[23]|[7-9]|10)', plain),
  ...mobilenetV3Ends(16, [1, 2, 4, 7, 11, 13, 16]),
];

const mobilenetV3Small: NameRule[] = [
  ...blockParts('features\\.1', squeezedFirst),
  ...blockParts('features\\.[23]', plain),
  ...blockParts('features\\.(?:[4-9]|1[01])', squeezed),
  ...mobilenetV3Ends(12, [1, 2, 4, 7, 9, 12]),
];

const efficientnetStages: NameRule[] = [
  { from: /^features\.(\d+)\.(\d+)\./, to: (_, stage, block) => `blocks.${Number(stage) - 1}.${block}.` },
  { from: /^classifier\.1\./, to: 'classifier.' },
];

const efficientnet: NameRule[] = [
  ...ends(8),
  ...blockParts('features\\.1\\.\\d+', squeezedFirst),
  ...blockParts('features\\.[2-7]\\.\\d+', squeezed),
  ...efficientnetStages,
];

const efficientnetV2: NameRule[] = [
  ...ends(7),
  ...blockParts('features\\.1\\.\\d+', single),
  ...blockParts('features\\.[23]\\.\\d+', fused),
  ...blockParts('features\\.[4-6]\\.\\d+', squeezed),
  ...efficientnetStages,
];

const regnet: NameRule[] = [
  { from: /^stem\.0\./, to: 'stem.conv.' },
  { from: /^stem\.1\./, to: 'stem.bn.' },
  {
    from: /^trunk_output\.block\d\.block(\d)-(\d+)\./,
    to: (_, stage, block) => `s${stage}.b${Number(block) + 1}.`,
  },
  { from: /\.proj\.0\./, to: '.downsample.conv.' },
  { from: /\.proj\.1\./, to: '.downsample.bn.' },
  { from: /\.f\.([abc])\.0\./, to: (_, letter) => `.conv${'_abc'.indexOf(letter!)}.conv.` },
  { from: /\.f\.([abc])\.1\./, to: (_, letter) => `.conv${'_abc'.indexOf(letter!)}.bn.` },
  { from: /\.f\.se\./, to: '.se.' },
  { from: /^fc\./, to: 'head.fc.' },
];

const convnext: NameRule[] = [
  { from: /\.layer_scale$/, to: '.gamma', reshape: asVector },
  { from: /\.block\.0\./, to: '.conv_dw.' },
  { from: /\.block\.2\./, to: '.norm.' },
  { from: /\.block\.3\./, to: '.mlp.fc1.' },
  { from: /\.block\.5\./, to: '.mlp.fc2.' },
  { from: /^features\.0\./, to: 'stem.' },
  { from: /^features\.([246])\./, to: (_, place) => `stages.${Number(place) / 2}.downsample.` },
  {
    from: /^features\.([1357])\.(\d+)\./,
    to: (_, place, block) => `stages.${(Number(place) - 1) / 2}.blocks.${block}.`,
  },
  { from: /^classifier\.0\./, to: 'head.norm.' },
  { from: /^classifier\.2\./, to: 'head.fc.' },
];

const vit: NameRule[] = [
  { from: /^class_token$/, to: 'cls_token' },
  { from: /^encoder\.pos_embedding$/, to: 'pos_embed' },
  { from: /^conv_proj\./, to: 'patch_embed.proj.' },
  { from: /^encoder\.layers\.encoder_layer_(\d+)\./, to: 'blocks.$1.' },
  { from: /\.ln_([12])\./, to: '.norm$1.' },
  { from: /\.self_attention\.in_proj_/, to: '.attn.qkv.' },
  { from: /\.self_attention\.out_proj\./, to: '.attn.proj.' },
  { from: /\.mlp\.0\./, to: '.mlp.fc1.' },
  { from: /\.mlp\.3\./, to: '.mlp.fc2.' },
  { from: /^encoder\.ln\./, to: 'norm.' },
  { from: /^heads\.head\./, to: 'head.' },
];

const swin: NameRule[] = [
  { from: /\.relative_position_index$/, to: null },
  { from: /\.mlp\.0\./, to: '.mlp.fc1.' },
  { from: /\.mlp\.3\./, to: '.mlp.fc2.' },
  { from: /^features\.0\.0\./, to: 'patch_embed.proj.' },
  { from: /^features\.0\.2\./, to: 'patch_embed.norm.' },
  { from: /^features\.([246])\./, to: (_, place) => `layers.${Number(place) / 2}.downsample.` },
  {
    from: /^features\.([1357])\.(\d+)\./,
    to: (_, place, block) => `layers.${(Number(place) - 1) / 2}.blocks.${block}.`,
  },
  { from: /^head\./, to: 'head.fc.' },
];

const byArchitecture: readonly (readonly [architectures: RegExp, rules: readonly NameRule[]])[] = [
  [/^inception_v3/, inception],
  [/^vgg/, vgg],
  [/^mobilenet_v2/, mobilenetV2],
  [/^mobilenet_v3_large/, mobilenetV3Large],
  [/^mobilenet_v3_small/, mobilenetV3Small],
  [/^efficientnet_b/, efficientnet],
  [/^efficientnet_v2/, efficientnetV2],
  [/^regnet_y/, regnet],
  [/^convnext/, convnext],
  [/^vit/, vit],
  [/^swin/, swin],
];

/** The rules that give a network of the zoo timm's names. None where the names are the same. */
export function toTimmRules(architecture: string): readonly NameRule[] {
  return byArchitecture.find(([architectures]) => architectures.test(architecture))?.[1] ?? [];
}
