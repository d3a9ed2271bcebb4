import type { WeightsEntry } from './entry.ts';

const normalisations = {
  imageNet: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  /**
   * Of inception_v3. torchvision normalises its images as for the others, and by `transform_input` the model makes
   * (x - 0.5) / 0.5 of that: the same numbers in one step.
   */
  half: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
} as const;

type Row = readonly [
  /** `<model>.<tag>` */
  name: string,
  architecture: string,
  file: string,
  /** The first eight digits of the file's SHA-256. */
  sha256: string,
  sizeMiB: number,
  parameters: number,
  top1: number,
  top5: number,
  resize: number,
  crop: number,
  interpolation: 'bilinear' | 'bicubic',
  normalisation: keyof typeof normalisations,
  licence: WeightsEntry['licence'],
  /** On GitHub. */
  source: string,
];

function entry([name, architecture, file, sha256, sizeMiB, parameters, ...rest]: Row): WeightsEntry {
  const [top1, top5, resize, crop, interpolation, normalisation, licence, source] = rest;
  return {
    name: `torchvision/${name}`,
    architecture,
    url: `https://download.pytorch.org/models/${file}-${sha256}.pth`,
    sha256,
    sizeMiB,
    licence,
    source: `https://github.com/${source}`,
    parameters,
    top1,
    top5,
    preprocessing: { resize, crop, interpolation, ...normalisations[normalisation] },
    classes: 'imagenet1k',
  };
}

// biome-ignore format: a table. Written by golden/weights.py.
const rows: readonly Row[] = [
  ['alexnet.imagenet1k_v1', 'alexnet', 'alexnet-owt', '7be5be79', 233.087, 61_100_840, 56.522, 79.066, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#alexnet-and-vgg'],
  ['vgg11.imagenet1k_v1', 'vgg11', 'vgg11', '8a719046', 506.84, 132_863_336, 69.02, 88.628, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#alexnet-and-vgg'],
  ['vgg13.imagenet1k_v1', 'vgg13', 'vgg13', '19584684', 507.545, 133_047_848, 69.928, 89.246, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#alexnet-and-vgg'],
  ['vgg16.imagenet1k_v1', 'vgg16', 'vgg16', '397923af', 527.796, 138_357_544, 71.592, 90.382, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#alexnet-and-vgg'],
  ['vgg19.imagenet1k_v1', 'vgg19', 'vgg19', 'dcbb9e9d', 548.051, 143_667_240, 72.376, 90.876, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#alexnet-and-vgg'],
  ['vgg11_bn.imagenet1k_v1', 'vgg11_bn', 'vgg11_bn', '6002323d', 506.881, 132_868_840, 70.37, 89.81, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#alexnet-and-vgg'],
  ['vgg13_bn.imagenet1k_v1', 'vgg13_bn', 'vgg13_bn', 'abd245e5', 507.59, 133_053_736, 71.586, 90.374, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#alexnet-and-vgg'],
  ['vgg16_bn.imagenet1k_v1', 'vgg16_bn', 'vgg16_bn', '6c64b313', 527.866, 138_365_992, 73.36, 91.516, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#alexnet-and-vgg'],
  ['vgg19_bn.imagenet1k_v1', 'vgg19_bn', 'vgg19_bn', 'c79401a0', 548.143, 143_678_248, 74.218, 91.842, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#alexnet-and-vgg'],
  ['squeezenet1_0.imagenet1k_v1', 'squeezenet1_0', 'squeezenet1_0', 'b66bff10', 4.778, 1_248_424, 58.092, 80.42, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/pull/49#issuecomment-277560717'],
  ['squeezenet1_1.imagenet1k_v1', 'squeezenet1_1', 'squeezenet1_1', 'b8a52dc0', 4.729, 1_235_496, 58.178, 80.624, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/pull/49#issuecomment-277560717'],
  ['resnet18.imagenet1k_v1', 'resnet18', 'resnet18', 'f37072fd', 44.661, 11_689_512, 69.758, 89.078, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#resnet'],
  ['resnet34.imagenet1k_v1', 'resnet34', 'resnet34', 'b627a593', 83.275, 21_797_672, 73.314, 91.42, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#resnet'],
  ['resnet50.imagenet1k_v2', 'resnet50', 'resnet50', '11ad3fa6', 97.79, 25_557_032, 80.858, 95.434, 232, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/issues/3995#issuecomment-1013906621'],
  ['resnet50.imagenet1k_v1', 'resnet50', 'resnet50', '0676ba61', 97.781, 25_557_032, 76.13, 92.862, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#resnet'],
  ['resnet101.imagenet1k_v2', 'resnet101', 'resnet101', 'cd907fc2', 170.53, 44_549_160, 81.886, 95.78, 232, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/issues/3995#new-recipe'],
  ['resnet101.imagenet1k_v1', 'resnet101', 'resnet101', '63fe2227', 170.511, 44_549_160, 77.374, 93.546, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#resnet'],
  ['resnet152.imagenet1k_v2', 'resnet152', 'resnet152', 'f82ba261', 230.474, 60_192_808, 82.284, 96.002, 232, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/issues/3995#new-recipe'],
  ['resnet152.imagenet1k_v1', 'resnet152', 'resnet152', '394f9c45', 230.434, 60_192_808, 78.312, 94.046, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#resnet'],
  ['resnext50_32x4d.imagenet1k_v2', 'resnext50_32x4d', 'resnext50_32x4d', '1a0047aa', 95.833, 25_028_904, 81.198, 95.34, 232, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/issues/3995#new-recipe'],
  ['resnext50_32x4d.imagenet1k_v1', 'resnext50_32x4d', 'resnext50_32x4d', '7cdf4587', 95.789, 25_028_904, 77.618, 93.698, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#resnext'],
  ['wide_resnet50_2.imagenet1k_v2', 'wide_resnet50_2', 'wide_resnet50_2', '9ba9bcbe', 263.124, 68_883_240, 81.602, 95.758, 232, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/issues/3995#new-recipe-with-fixres'],
  ['wide_resnet50_2.imagenet1k_v1', 'wide_resnet50_2', 'wide_resnet50_2', '95faca4d', 131.82, 68_883_240, 78.468, 94.086, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/pull/912#issue-445437439'],
  ['inception_v3.imagenet1k_v1', 'inception_v3', 'inception_v3_google', '0cc3c7bd', 103.903, 27_161_264, 77.294, 93.45, 342, 299, 'bilinear', 'half', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#inception-v3'],
  ['densenet121.imagenet1k_v1', 'densenet121', 'densenet121', 'a639ec97', 30.845, 7_978_856, 74.434, 91.972, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/pull/116'],
  ['densenet161.imagenet1k_v1', 'densenet161', 'densenet161', '8d451a50', 110.369, 28_681_000, 77.138, 93.56, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/pull/116'],
  ['densenet169.imagenet1k_v1', 'densenet169', 'densenet169', 'b2777c0a', 54.708, 14_149_480, 75.6, 92.806, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/pull/116'],
  ['densenet201.imagenet1k_v1', 'densenet201', 'densenet201', 'c1103571', 77.373, 20_013_928, 76.896, 93.37, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/pull/116'],
  ['mobilenet_v2.imagenet1k_v2', 'mobilenet_v2', 'mobilenet_v2', '7ebf99e0', 13.598, 3_504_872, 72.154, 90.822, 232, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/issues/3995#new-recipe-with-reg-tuning'],
  ['mobilenet_v2.imagenet1k_v1', 'mobilenet_v2', 'mobilenet_v2', 'b0353104', 13.555, 3_504_872, 71.878, 90.286, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#mobilenetv2'],
  ['mobilenet_v3_small.imagenet1k_v1', 'mobilenet_v3_small', 'mobilenet_v3_small', '047dcff4', 9.829, 2_542_856, 67.668, 87.402, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#mobilenetv3-large--small'],
  ['mobilenet_v3_large.imagenet1k_v2', 'mobilenet_v3_large', 'mobilenet_v3_large', '5c1a4163', 21.107, 5_483_032, 75.274, 92.566, 232, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/issues/3995#new-recipe-with-reg-tuning'],
  ['mobilenet_v3_large.imagenet1k_v1', 'mobilenet_v3_large', 'mobilenet_v3_large', '8738ca79', 21.114, 5_483_032, 74.042, 91.34, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#mobilenetv3-large--small'],
  ['efficientnet_b0.imagenet1k_v1', 'efficientnet_b0', 'efficientnet_b0_rwightman', '7f5810bc', 20.451, 5_288_548, 77.692, 93.532, 256, 224, 'bicubic', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#efficientnet-v1'],
  ['efficientnet_b1.imagenet1k_v2', 'efficientnet_b1', 'efficientnet_b1', 'c27df63c', 30.136, 7_794_184, 79.838, 94.934, 255, 240, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/issues/3995#new-recipe-with-lr-wd-crop-tuning'],
  ['efficientnet_b1.imagenet1k_v1', 'efficientnet_b1', 'efficientnet_b1_rwightman', 'bac287d4', 30.134, 7_794_184, 78.642, 94.186, 256, 240, 'bicubic', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#efficientnet-v1'],
  ['efficientnet_b2.imagenet1k_v1', 'efficientnet_b2', 'efficientnet_b2_rwightman', 'c35c1473', 35.174, 9_109_994, 80.608, 95.31, 288, 288, 'bicubic', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#efficientnet-v1'],
  ['efficientnet_b3.imagenet1k_v1', 'efficientnet_b3', 'efficientnet_b3_rwightman', 'b3899882', 47.184, 12_233_232, 82.008, 96.054, 320, 300, 'bicubic', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#efficientnet-v1'],
  ['efficientnet_b4.imagenet1k_v1', 'efficientnet_b4', 'efficientnet_b4_rwightman', '23ab8bcd', 74.489, 19_341_616, 83.384, 96.594, 384, 380, 'bicubic', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#efficientnet-v1'],
  ['efficientnet_b5.imagenet1k_v1', 'efficientnet_b5', 'efficientnet_b5_lukemelas', '1a07897c', 116.864, 30_389_784, 83.444, 96.628, 456, 456, 'bicubic', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#efficientnet-v1'],
  ['efficientnet_b6.imagenet1k_v1', 'efficientnet_b6', 'efficientnet_b6_lukemelas', '24a108a5', 165.362, 43_040_704, 84.008, 96.916, 528, 528, 'bicubic', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#efficientnet-v1'],
  ['efficientnet_b7.imagenet1k_v1', 'efficientnet_b7', 'efficientnet_b7_lukemelas', 'c5b4e57e', 254.675, 66_347_960, 84.122, 96.908, 600, 600, 'bicubic', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#efficientnet-v1'],
  ['efficientnet_v2_s.imagenet1k_v1', 'efficientnet_v2_s', 'efficientnet_v2_s', 'dd5fe13b', 82.704, 21_458_488, 84.228, 96.878, 384, 384, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#efficientnet-v2'],
  ['convnext_tiny.imagenet1k_v1', 'convnext_tiny', 'convnext_tiny', '983f1562', 109.119, 28_589_128, 82.52, 96.146, 236, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#convnext'],
  ['convnext_small.imagenet1k_v1', 'convnext_small', 'convnext_small', '0c510722', 191.703, 50_223_688, 83.616, 96.65, 230, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#convnext'],
  ['convnext_base.imagenet1k_v1', 'convnext_base', 'convnext_base', '6075fbad', 338.064, 88_591_464, 84.062, 96.87, 232, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#convnext'],
  ['convnext_large.imagenet1k_v1', 'convnext_large', 'convnext_large', 'ea097f82', 754.537, 197_767_336, 84.414, 96.976, 232, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#convnext'],
  ['vit_b_16.imagenet1k_v1', 'vit_b_16', 'vit_b_16', 'c867db91', 330.285, 86_567_656, 81.072, 95.318, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#vit_b_16'],
  ['vit_b_16.imagenet1k_swag_e2e_v1', 'vit_b_16_384', 'vit_b_16_swag', '9ac1b537', 331.398, 86_859_496, 85.304, 97.65, 384, 384, 'bicubic', 'imageNet', 'CC-BY-NC-4.0', 'facebookresearch/SWAG'],
  ['vit_b_16.imagenet1k_swag_linear_v1', 'vit_b_16', 'vit_b_16_lc_swag', '4e70ced5', 330.285, 86_567_656, 81.886, 96.18, 224, 224, 'bicubic', 'imageNet', 'CC-BY-NC-4.0', 'pytorch/vision/pull/5793'],
  ['vit_b_32.imagenet1k_v1', 'vit_b_32', 'vit_b_32', 'd86f8d99', 336.604, 88_224_232, 75.912, 92.466, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#vit_b_32'],
  ['vit_l_16.imagenet1k_v1', 'vit_l_16', 'vit_l_16', '852ce7e3', 1161.023, 304_326_632, 79.662, 94.638, 242, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#vit_l_16'],
  ['vit_l_16.imagenet1k_swag_e2e_v1', 'vit_l_16_512', 'vit_l_16_swag', '4f3808c9', 1164.258, 305_174_504, 88.064, 98.512, 512, 512, 'bicubic', 'imageNet', 'CC-BY-NC-4.0', 'facebookresearch/SWAG'],
  ['vit_l_16.imagenet1k_swag_linear_v1', 'vit_l_16', 'vit_l_16_lc_swag', '4d563306', 1161.023, 304_326_632, 85.146, 97.422, 224, 224, 'bicubic', 'imageNet', 'CC-BY-NC-4.0', 'pytorch/vision/pull/5793'],
  ['swin_t.imagenet1k_v1', 'swin_t', 'swin_t', '704ceda3', 108.19, 28_288_354, 81.474, 95.776, 232, 224, 'bicubic', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#swintransformer'],
  ['regnet_y_400mf.imagenet1k_v2', 'regnet_y_400mf', 'regnet_y_400mf', 'e6988f5f', 16.806, 4_344_144, 75.804, 92.742, 232, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/issues/3995#new-recipe'],
  ['regnet_y_400mf.imagenet1k_v1', 'regnet_y_400mf', 'regnet_y_400mf', 'c65dace8', 16.806, 4_344_144, 74.046, 91.716, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#small-models'],
  ['regnet_y_800mf.imagenet1k_v2', 'regnet_y_800mf', 'regnet_y_800mf', '58fc7688', 24.774, 6_432_512, 78.828, 94.502, 232, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/issues/3995#new-recipe'],
  ['regnet_y_800mf.imagenet1k_v1', 'regnet_y_800mf', 'regnet_y_800mf', '1b27b58c', 24.774, 6_432_512, 76.42, 93.136, 256, 224, 'bilinear', 'imageNet', 'BSD-3-Clause', 'pytorch/vision/tree/main/references/classification#small-models'],
];

/** torchvision's weights for ImageNet-1k. */
export const torchvisionWeights: readonly WeightsEntry[] = rows.map(entry);
