import { expectChoice } from '../base/choice.ts';
import { conv4, conv4s } from './conv4.ts';
import { type Architecture, imageNetPreprocessing, type Model, type Preprocessing } from './model.ts';
import { resnet, resnets } from './resnet.ts';
import { squeezenet, squeezenets } from './squeezenet.ts';

function family<C>(
  variants: Readonly<Record<string, C>>,
  build: (config: C) => Architecture,
  source: string,
  preprocessing: Preprocessing = imageNetPreprocessing,
): Model[] {
  return Object.entries(variants).map(([name, config]) => ({ name, source, preprocessing, ...build(config) }));
}

/** Characters and other small pictures, seen whole. */
const smallPreprocessing: Preprocessing = {
  resize: 28,
  crop: 28,
  interpolation: 'bilinear',
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
};

const zoo: ReadonlyMap<string, Model> = new Map(
  [
    ...family(squeezenets, squeezenet, 'Iandola et al. 2016, arXiv 1602.07360'),
    ...family(resnets, resnet, 'He et al. 2015, arXiv 1512.03385'),
    ...family(conv4s, conv4, 'Vinyals et al. 2016, arXiv 1606.04080', smallPreprocessing),
  ].map((model) => [model.name, model]),
);

/** The names of all architectures, in the order of the zoo. */
export function listModels(): string[] {
  return [...zoo.keys()];
}

/** The architecture of that name. @throws UserError with the nearest name where there is none. */
export function getModel(name: string): Model {
  return zoo.get(expectChoice('--model', name, listModels()))!;
}
