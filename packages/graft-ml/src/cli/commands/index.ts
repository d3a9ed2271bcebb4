import type { CommandDefinition } from '../command.ts';

/**
 * A command as the help of `graft` lists it. Its definition, and all that it stands on, is loaded when the command is
 * used.
 */
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
    name: 'sweep',
    summary: 'Runs a study: tries options of a training, and finds the best.',
    load: async () => (await import('./sweep.ts')).sweepCommand,
  },
  {
    name: 'evaluate',
    summary: 'Measures a run on labelled images, or compares two.',
    load: async () => (await import('./evaluate.ts')).evaluateCommand,
  },
  {
    name: 'calibrate',
    summary: 'Fits the temperature of a run’s probabilities.',
    load: async () => (await import('./calibrate.ts')).calibrateCommand,
  },
  {
    name: 'predict',
    summary: 'Classifies images with a run or a pretrained model.',
    load: async () => (await import('./predict.ts')).predictCommand,
  },
  {
    name: 'explain',
    summary: 'Shows what in images speaks for a class, as overlays.',
    load: async () => (await import('./explain.ts')).explainCommand,
  },
  {
    name: 'report',
    summary: 'Writes a report of a run, or of several side by side: one HTML file for any browser.',
    load: async () => (await import('./report.ts')).reportCommand,
  },
  {
    name: 'profile',
    summary: 'Shows where the time of a training went, by layer and primitive.',
    load: async () => (await import('./profile.ts')).profileCommand,
  },
  {
    name: 'compare',
    summary: 'Puts runs side by side, or those of a study: a table, and a page for any browser.',
    load: async () => (await import('./compare.ts')).compareCommand,
  },
  {
    name: 'soup',
    summary: 'Averages the weights of runs where validation says that it helps: a greedy soup, or WiSE-FT.',
    load: async () => (await import('./soup.ts')).soupCommand,
  },
  {
    name: 'studio',
    summary: 'Serves the studio, a page that collects images and trains on them, and opens it.',
    load: async () => (await import('./studio.ts')).studioCommand,
  },
  {
    name: 'serve',
    summary: 'Serves runs over HTTP: predictions, the Open Inference Protocol, metrics.',
    load: async () => (await import('./serve.ts')).serveCommand,
  },
  {
    name: 'features',
    summary: 'Writes the features of images: the inputs of the last layer.',
    load: async () => (await import('./features.ts')).featuresCommand,
  },
  {
    name: 'rank',
    summary: 'Ranks pretrained models for labelled images, without training them.',
    load: async () => (await import('./rank.ts')).rankCommand,
  },
  {
    name: 'preview',
    summary: 'Writes a contact sheet of augmented images.',
    load: async () => (await import('./preview.ts')).previewCommand,
  },
  {
    name: 'find-lr',
    summary: 'Runs a learning rate range test, and suggests a rate.',
    load: async () => (await import('./find-lr.ts')).findLrCommand,
  },
  {
    name: 'export',
    summary: 'Writes a run as files that others open: ONNX, transformers.js, timm, Triton, PyTorch.',
    load: async () => (await import('./export.ts')).exportCommand,
  },
  {
    name: 'card',
    summary: 'Writes the model card of a run in Hugging Face’s form.',
    load: async () => (await import('./card.ts')).cardCommand,
  },
  {
    name: 'push',
    summary: 'Pushes a run with its model card to the Hugging Face hub.',
    load: async () => (await import('./push.ts')).pushCommand,
  },
  {
    name: 'pull',
    summary: 'Pulls a model from the Hugging Face hub into a folder.',
    load: async () => (await import('./pull.ts')).pullCommand,
  },
  {
    name: 'meta train',
    summary: 'Trains a learner on many small tasks.',
    load: async () => (await import('./meta-train.ts')).metaTrainCommand,
  },
  {
    name: 'meta test',
    summary: 'Measures a meta-learned run on tasks of unseen classes.',
    load: async () => (await import('./meta-test.ts')).metaTestCommand,
  },
  {
    name: 'meta adapt',
    summary: 'Adapts a meta-learned run to new classes by a few images.',
    load: async () => (await import('./meta-adapt.ts')).metaAdaptCommand,
  },
  {
    name: 'meta compare',
    summary: 'Trains several learners on the same episodes.',
    load: async () => (await import('./meta-compare.ts')).metaCompareCommand,
  },
  {
    name: 'meta config',
    summary: 'Prints every option of `graft meta train` as YAML.',
    load: async () => (await import('./meta-config.ts')).metaConfigCommand,
  },
  {
    name: 'worker',
    summary: 'Does jobs of studies from a queue, on any number of machines.',
    load: async () => (await import('./worker.ts')).workerCommand,
  },
  {
    name: 'dashboard',
    summary: 'Serves a page that shows the jobs of a queue.',
    load: async () => (await import('./dashboard.ts')).dashboardCommand,
  },
  {
    name: 'inspect',
    summary: 'Shows the parameters of a model or run, and what is trained.',
    load: async () => (await import('./inspect.ts')).inspectCommand,
  },
  {
    name: 'doctor',
    summary: 'Checks a dataset for problems, or reports on this machine.',
    load: async () => (await import('./doctor.ts')).doctorCommand,
  },
  {
    name: 'data get',
    summary: 'Downloads a public dataset into class folders.',
    load: async () => (await import('./data.ts')).dataGetCommand,
  },
  {
    name: 'data list',
    summary: 'Lists the public datasets that can be downloaded.',
    load: async () => (await import('./data.ts')).dataListCommand,
  },
  {
    name: 'models',
    summary: 'Lists, shows and downloads architectures and weights.',
    load: async () => (await import('./models.ts')).modelsCommand,
  },
  {
    name: 'config',
    summary: 'Prints every option of `graft train` as YAML.',
    load: async () => (await import('./config.ts')).configCommand,
  },
];

/** The commands of two words, by the first of them. */
export const families: Readonly<Record<string, string>> = {
  meta: 'Meta-learning',
  data: 'Public datasets',
};
