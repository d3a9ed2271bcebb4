import { convnext } from '../src/models/convnext.ts';
import type { Architecture } from '../src/models/index.ts';
import { resnet } from '../src/models/resnet.ts';
import { squeezenet, squeezenets } from '../src/models/squeezenet.ts';
import { swin } from '../src/models/swin.ts';
import { vit } from '../src/models/vit.ts';

const narrowViT = vit({ size: 32, patch: 8, layers: 2, heads: 2, width: 16, hidden: 32 });
const narrowSwin = { width: 4, window: 3, stochasticDepth: 0 };

/** What the runs of `golden/model-NAME.safetensors` were made with: each family narrow enough for a small file. */
export const narrowModels: Readonly<Record<string, Architecture>> = {
  squeezenet1_0: squeezenet({ ...squeezenets.squeezenet1_0, widthDivisor: 8, dropout: 0 }),
  squeezenet1_1: squeezenet({ ...squeezenets.squeezenet1_1, widthDivisor: 8, dropout: 0 }),
  resnet_basic: resnet({ block: 'basic', layers: [1, 1, 1, 1], width: 8 }),
  resnet_bottleneck: resnet({ block: 'bottleneck', layers: [1, 1, 1, 1], width: 4 }),
  convnext: convnext({
    stages: [
      [4, 1],
      [8, 1],
      [12, 2],
      [16, 1],
    ],
    stochasticDepth: 0,
  }),
  vit: narrowViT,
  vit_larger: narrowViT,
  swin: swin({
    ...narrowSwin,
    stages: [
      [2, 1],
      [2, 2],
      [2, 4],
    ],
  }),
  swin_stochastic: swin({
    ...narrowSwin,
    stages: [
      [2, 1],
      [2, 2],
    ],
    stochasticDepth: 0.6,
  }),
};
