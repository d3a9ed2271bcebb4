import * as z from 'zod';
import { unknownName } from '../../base/choice.ts';
import { call, option, placeholder } from '../../base/code.ts';
import { OptionError } from '../../base/errors.ts';
import { printableName } from '../../base/printable.ts';
import { headExpected, headProblem } from '../../models/head-layers.ts';
import type { HeadLayers } from '../../models/model.ts';
import { isOnnx, listArchitectures, otherNetwork } from '../../models/names.ts';
import { entryNamed, weightsEntries } from '../../weights/registry/lookup.ts';
import { type OptionSchemas, orDefault, structured, structuredBy } from './choice.ts';

/** @throws OptionError where no model can have this name, with what to do */
export function assertModelName(name: string): void {
  const problem = modelProblem(name);
  if (problem === undefined) return;
  const expected = 'an architecture, published weights or a file that ends in .onnx';
  throw new OptionError({ option: 'model', expected, received: name, problem });
}

/** The reason why a name cannot be a model's, after the option's name; undefined where it can. */
function modelProblem(name: string): string | undefined {
  if (isOnnx(name) || listArchitectures().includes(name) || entryNamed(name)) return undefined;
  if (/\.(safetensors|pth|pt|th|bin|ckpt|h5|pb|tflite|keras)$/i.test(name)) {
    const file = printableName(name);
    const example = `${option('model', placeholder('architecture'))} and ${option('weights', file)}`;
    return `: ${file} seems to be weights without their network. Give ${example}. ${otherNetwork}`;
  }
  const known = [...listArchitectures(), ...weightsEntries.map((entry) => entry.name)];
  const lists = `${call('listModels')} lists the architectures, ${call('listModels', ['**'], { pretrained: true })} published weights`;
  return ` ${unknownName(name, known, `${lists}; a file must end in .onnx.`)}`;
}

/** An architecture, published weights of one, or an ONNX file. */
export const modelName = z.string().superRefine((name, context) => {
  const problem = modelProblem(name);
  if (problem !== undefined)
    context.addIssue({ code: 'custom', message: problem.replace(/^:? /, ''), params: { problem } });
});

/** A number each for red, green and blue. */
export type PerChannel = readonly [red: number, green: number, blue: number];

const level = z.number().min(0);
const perChannel = structuredBy<PerChannel>('three numbers, for red, green and blue', z.tuple([level, level, level]));

/** The network and the preprocessing of its images. */
export interface ModelOptions {
  /** An architecture, published weights (`timm/resnet18.a1_in1k`) or an .onnx file. */
  readonly model: string;
  /** The layers before the last one of a new head. */
  readonly head: HeadLayers | null;
  /** The probability of dropout before the last layer of the head; null: the model's own. */
  readonly dropout: number | null;
  /**
   * Pretrained weights: a file, the folder of a run, or published ones by name, by tag or as `default`; null: the
   * model's own.
   */
  readonly weights: string | null;
  /** The side of the square the model sees, in pixels; null: what the weights were trained on. */
  readonly imageSize: number | null;
  /** The mean of red, green and blue in [0, 1]; null: that of the weights' training. */
  readonly mean: PerChannel | null;
  readonly std: PerChannel | null;
  /** Whether embedded colour profiles are applied, as browsers do, or ignored, as torchvision does. */
  readonly colourProfile: 'apply' | 'ignore' | null;
  /** The same of EXIF orientations. */
  readonly orientation: 'apply' | 'ignore' | null;
}

/** The schemas of `ModelOptions`. */
export const modelOptions: OptionSchemas<ModelOptions> = {
  model: modelName
    .default('squeezenet1_1')
    .describe('architecture, published weights (timm/resnet18.a1_in1k) or an .onnx file; `listModels()` lists them'),
  head: orDefault(structured<HeadLayers>(headExpected, headProblem)).describe(
    'layers before the last one of the new head',
  ),
  dropout: orDefault(z.number().min(0).lt(1)).describe(
    'probability of dropout before the last layer of the head; default: the model’s own',
  ),
  weights: orDefault(z.string()).describe(
    'pretrained weights: a file (safetensors, .pth), the folder of a run, or published ones by name, by tag ' +
      '(imagenet1k_v2) or as default; default: the model’s published ones',
  ),
  imageSize: orDefault(z.int().min(8).max(4096)).describe(
    'side of the square the model sees, in pixels; default: what the weights were trained on',
  ),
  mean: orDefault(perChannel).describe('of red, green and blue in [0, 1]; default: what the weights were trained with'),
  std: orDefault(perChannel).describe('as `mean`; default: what the weights were trained with'),
  colourProfile: orDefault(z.enum(['apply', 'ignore'])).describe(
    'embedded colour profiles: apply them, as browsers do, or ignore them, as torchvision does; default: as in ' +
      'the run that the weights are from, else apply',
  ),
  orientation: orDefault(z.enum(['apply', 'ignore'])).describe(
    'EXIF orientations: apply them, so that photos stand upright, or ignore them, as torchvision does; default: ' +
      'as `colourProfile`',
  ),
};
