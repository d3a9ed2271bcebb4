import { z } from 'zod';
import { didYouMean, unknownChoice } from '../base/choice.ts';
import { UserError } from '../base/errors.ts';
import { listArchitectures, parseHead } from '../models/index.ts';
import {
  constant,
  type Optimizer,
  type OptimizerName,
  oneCycle,
  optimizers,
  type Schedule,
  stepDecay,
} from '../optim/index.ts';
import { entriesOf, entryNamed, publishedAs, weightsEntries } from '../weights/registry/lookup.ts';
import { strategies, strategyNames } from './strategy.ts';

/** A name from a table, with a message that says what is in it, and which one was probably meant. */
export function choice<T extends string>(flag: string, names: readonly T[]) {
  return z.enum(names as readonly [T, ...T[]], {
    error: ({ input }) => unknownChoice(flag, String(input), names),
  });
}

const scheduleNames = ['constant', 'step', 'one-cycle'] as const;
const strategyTexts = Object.entries(strategies).map(([name, { description }]) => `${name}: ${description}`);
const optimizerNames = Object.keys(optimizers) as OptimizerName[];
const orDefault = <S extends z.ZodType>(schema: S) => schema.nullable().default(null);

/** A foreign model, which has its weights with it. */
export function isOnnx(model: string): boolean {
  return model.toLowerCase().endsWith('.onnx');
}

/** An architecture, published weights of one, or an ONNX file. */
const modelName = z.string().superRefine((name, context) => {
  if (isOnnx(name) || listArchitectures().includes(name) || entryNamed(name)) return;
  const known = [...listArchitectures(), ...weightsEntries.map((entry) => entry.name)];
  context.addIssue({
    code: 'custom',
    message:
      `--model "${name}" is not known.${didYouMean(name, known)} \`graft models\` lists the architectures, ` +
      '`graft models --pretrained` published weights; a file must end in .onnx.',
  });
});

/** The layers of a deeper head. */
const headLayers = z.string().superRefine((text, context) => {
  try {
    parseHead(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
  }
});

/** Three numbers with commas between them. */
export const perChannel = (name: string) =>
  z.string().refine((text) => /^(\d*\.?\d+)(\s*,\s*\d*\.?\d+){2}$/.test(text), {
    error: `--${name} takes three numbers, for red, green and blue: 0.485,0.456,0.406.`,
  });

/**
 * Everything that decides a training run, and nothing else. The command line's flags, their help and `docs/cli.md` are
 * made from this table; `run.json` holds it resolved.
 */
export const trainConfigSchema = z.strictObject({
  model: modelName
    .default('squeezenet1_1')
    .describe('architecture, published weights (timm/resnet18.a1_in1k) or an .onnx file; `graft models` lists them'),
  head: orDefault(headLayers).describe(
    'layers before the last one of the new head: features, dropout=P, relu, gelu, silu, hardswish, tanh, batchnorm, as in 512,relu,dropout=0.3',
  ),
  weights: orDefault(z.string()).describe(
    'pretrained weights: a file (safetensors, .pth), or published ones by name, by tag (imagenet1k_v2) or as default; default: the model’s published ones',
  ),
  strategy: orDefault(choice('--strategy', strategyNames)).describe(
    `${strategyTexts.join('; ')}. Default: feature-extraction, or scratch for a model without published weights`,
  ),
  epochs: orDefault(z.int().min(1)).describe(
    'passes over the training pictures; default: 30 for feature-extraction, else 12',
  ),
  batchSize: z.int().min(1).default(16).describe('pictures per step'),
  optimizer: choice('--optimizer', optimizerNames).default('adamw').describe(optimizerNames.join(' | ')),
  learningRate: orDefault(z.number().positive()).describe('of the head, at its peak; default: 0.001, or 0.01 for sgd'),
  momentum: z.number().min(0).lt(1).default(0.9).describe('of sgd'),
  nesterov: z.boolean().default(false).describe('Nesterov momentum, for sgd'),
  weightDecay: orDefault(z.number().min(0)).describe('default: 0.01 for adamw (decoupled), else 0 (L2)'),
  schedule: choice('--schedule', scheduleNames).default('one-cycle').describe(scheduleNames.join(' | ')),
  stepEpochs: z.int().min(1).default(10).describe('epochs between two drops to a tenth, for the step schedule'),
  labelSmoothing: z.number().min(0).lt(1).default(0).describe('share of the target spread over all classes'),
  imageSize: orDefault(z.int().min(8).max(4096)).describe(
    'side of the square the model sees, in pixels; default: what the weights were trained on',
  ),
  mean: orDefault(perChannel('mean')).describe(
    'of red, green and blue in [0, 1], as in 0.485,0.456,0.406; default: what the weights were trained with',
  ),
  std: orDefault(perChannel('std')).describe('as --mean; default: what the weights were trained with'),
  augment: z.boolean().default(true).describe('random resized crop and flip in training (not with feature-extraction)'),
  minCropScale: z.number().gt(0).max(1).default(0.35).describe('smallest share of a picture that a random crop shows'),
  flip: z.number().min(0).max(1).default(0.5).describe('probability that a picture is mirrored'),
  validationFraction: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.2)
    .describe('share of each class held out, where the folder has no val/'),
  classDepth: z.int().min(1).max(8).default(1).describe('folder levels that make a class name'),
  maxPerClass: orDefault(z.int().min(2)).describe('use at most so many pictures of each class'),
  seed: z.int().min(0).default(0).describe('decides initialisation, split, order, augmentation and dropout'),
  device: choice('--device', ['cpu']).default('cpu').describe('cpu'),
  threads: orDefault(z.int().min(1).max(256)).describe('threads of one operator; default: all cores'),
  memory: z
    .number()
    .positive()
    .default(2048)
    .describe(
      'MiB for what every epoch sees alike: features of a frozen trunk, validation pictures; the rest is made anew',
    ),
  strict: z.boolean().default(false).describe('a picture that cannot be used is an error'),
});

export type TrainConfig = z.output<typeof trainConfigSchema>;
export type TrainConfigInput = z.input<typeof trainConfigSchema>;

/** The configuration with its defaults. @throws UserError that lists what is wrong with it. */
export function parseConfig(config: TrainConfigInput): TrainConfig {
  const parsed = trainConfigSchema.safeParse(config);
  if (!parsed.success) throw new UserError(`train: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** The configuration with every default that depends on others filled in. */
export function resolveConfig(config: TrainConfig) {
  const entry = isOnnx(config.model) ? undefined : entryNamed(config.model);
  const model = entry?.architecture ?? config.model;
  const published = entry ?? entriesOf(model)[0];
  const isPretrained = config.weights !== null || published !== undefined || isOnnx(model);
  const strategy = config.strategy ?? (isPretrained ? 'feature-extraction' : 'scratch');
  const weights = config.weights ?? (strategies[strategy].pretrained ? (published?.name ?? null) : null);
  const named = weights === null ? undefined : publishedAs(weights, model);
  return {
    ...config,
    model,
    weights: named?.name ?? weights,
    strategy,
    epochs: config.epochs ?? (strategy === 'feature-extraction' ? 30 : 12),
    learningRate: config.learningRate ?? (config.optimizer === 'sgd' ? 0.01 : 0.001),
    weightDecay: config.weightDecay ?? (config.optimizer === 'adamw' ? 0.01 : 0),
  };
}

export type ResolvedConfig = ReturnType<typeof resolveConfig>;

export function optimizerOf({ optimizer, momentum, nesterov, weightDecay }: ResolvedConfig): Optimizer {
  return optimizer === 'sgd'
    ? optimizers.sgd({ momentum, nesterov, weightDecay })
    : optimizers[optimizer]({ weightDecay });
}

export function scheduleOf({
  schedule,
  learningRate,
  epochs,
  stepEpochs,
}: ResolvedConfig): (steps: number) => Schedule {
  switch (schedule) {
    case 'constant':
      return () => constant(learningRate);
    case 'step':
      return (steps) => stepDecay({ learningRate, every: Math.max(1, Math.round((steps / epochs) * stepEpochs)) });
    case 'one-cycle':
      return (steps) => oneCycle({ maximum: learningRate, steps });
  }
}
