import type { CommandDefinition } from '../command.ts';

/** A command as the help of `graft` lists it. Its definition, and all that it stands on, is loaded when the command is used. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<CommandDefinition>;
}

/** Every command, in the order of the help. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'train',
    summary: 'Trains a classifier on labelled images.',
    load: async () => (await import('./train.ts')).trainCommand,
  },
  {
    name: 'evaluate',
    summary: 'Measures the accuracy of a run on labelled images.',
    load: async () => (await import('./evaluate.ts')).evaluateCommand,
  },
  {
    name: 'predict',
    summary: 'Classifies images with a run or with a pretrained model.',
    load: async () => (await import('./predict.ts')).predictCommand,
  },
  {
    name: 'features',
    summary: 'Writes feature vectors of images: the input of the last layer.',
    load: async () => (await import('./features.ts')).featuresCommand,
  },
  {
    name: 'preview',
    summary: 'Writes a contact sheet of augmented images, to look at before training.',
    load: async () => (await import('./preview.ts')).previewCommand,
  },
  {
    name: 'find-lr',
    summary: 'Searches for a learning rate, by a short training in which it grows.',
    load: async () => (await import('./find-lr.ts')).findLrCommand,
  },
  {
    name: 'export',
    summary: 'Writes a run as one ONNX file, with preprocessing and class names in it.',
    load: async () => (await import('./export.ts')).exportCommand,
  },
  {
    name: 'meta train',
    summary: 'Learns from many small tasks how to learn a new one from a few images.',
    load: async () => (await import('./meta-train.ts')).metaTrainCommand,
  },
  {
    name: 'meta test',
    summary: 'Measures a meta-learned run on tasks of classes that it has not seen.',
    load: async () => (await import('./meta-test.ts')).metaTestCommand,
  },
  {
    name: 'meta adapt',
    summary: 'Fits a meta-learned run to new classes from a few images of each.',
    load: async () => (await import('./meta-adapt.ts')).metaAdaptCommand,
  },
  {
    name: 'meta compare',
    summary: 'Trains several learners on the same episodes and compares them.',
    load: async () => (await import('./meta-compare.ts')).metaCompareCommand,
  },
  {
    name: 'meta config',
    summary: 'Prints every option of `graft meta train` as YAML, with its meaning and default.',
    load: async () => (await import('./meta-config.ts')).metaConfigCommand,
  },
  {
    name: 'inspect',
    summary: 'Shows the parameters or blocks of a model or a run, and which are trained.',
    load: async () => (await import('./inspect.ts')).inspectCommand,
  },
  {
    name: 'doctor',
    summary: 'Looks for problems in a dataset, or shows how Graft uses this machine.',
    load: async () => (await import('./doctor.ts')).doctorCommand,
  },
  {
    name: 'data get',
    summary: 'Downloads a public dataset, checks it and unpacks it into class folders.',
    load: async () => (await import('./data.ts')).dataGetCommand,
  },
  {
    name: 'data list',
    summary: 'Lists the public datasets that `graft data get` knows.',
    load: async () => (await import('./data.ts')).dataListCommand,
  },
  {
    name: 'models',
    summary: 'Lists architectures and published weights, shows one, or downloads it.',
    load: async () => (await import('./models.ts')).modelsCommand,
  },
  {
    name: 'config',
    summary: 'Prints every option of `graft train` as YAML, with its meaning and default.',
    load: async () => (await import('./config.ts')).configCommand,
  },
];
