import type { Architecture } from '../src/models/index.ts';
import { resnet } from '../src/models/resnet.ts';
import { squeezenet, squeezenets } from '../src/models/squeezenet.ts';

/** What the runs of `golden/model-NAME.safetensors` were made with: each family narrow enough for a small file. */
export const narrowModels: Readonly<Record<string, Architecture>> = {
  squeezenet1_0: squeezenet({ ...squeezenets.squeezenet1_0, widthDivisor: 8, dropout: 0 }),
  squeezenet1_1: squeezenet({ ...squeezenets.squeezenet1_1, widthDivisor: 8, dropout: 0 }),
  resnet_basic: resnet({ block: 'basic', layers: [1, 1, 1, 1], width: 8 }),
  resnet_bottleneck: resnet({ block: 'bottleneck', layers: [1, 1, 1, 1], width: 4 }),
};
