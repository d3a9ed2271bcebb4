import { plural } from '@graft-ml/core/internal/base/plural';
import { formatProblems } from '@graft-ml/core/internal/image/problem';
import { resolveConfig } from '@graft-ml/core/internal/recipe/config/index';
import { epochsOf, learners } from '@graft-ml/core/internal/recipe/meta/index';
import { outerOf, roundsOf } from '@graft-ml/core/internal/recipe/rounds';
import type { ReadyEvent } from '@graft-ml/core/internal/runs/run-events';
import { formatBytes } from '../../meta/check-memory.ts';
import type { MetaReadyEvent } from '../../meta/train-meta.ts';
import { textOf } from '../../text/options.ts';
import { fields, formatCount } from './format.ts';

/** The header of a training run: the resolved configuration, before anything is trained. */
export function trainingHeader({ out, run, folder, notes }: ReadyEvent): string[] {
  const { config, dataset, parameters, preprocessing, batchNorm, warnings } = run;
  const head = config.head === null ? '' : ` with ${textOf('head', config.head)} before the last layer`;
  const counts = [
    `${dataset.train} to train`,
    `${dataset.validation} to validate`,
    ...(dataset.test > 0 ? [`${dataset.test} for testing`] : []),
    `${run.classes.length} classes`,
    `${preprocessing.crop} px`,
    ...(dataset.leftOut.length > 0 ? [plural(dataset.leftOut.length, 'problem')] : []),
  ];
  return [
    ...notes,
    ...(folder.problems.length > 0 ? [formatProblems(folder.problems)] : []),
    ...fields([
      ['run', out],
      [
        'model',
        `${config.model}${head}, ${formatCount(parameters.trained)} of ${formatCount(parameters.total)} ` +
          `parameters trained, batch norm ${batchNorm}`,
      ],
      ['weights', config.weights ?? (run.weightsSha256 === null ? 'none: from scratch' : 'its own')],
      ['images', counts.join(', ')],
      ...workersFields(run),
      [
        'training',
        `${config.strategy}, epochs: ${(config.epochs ?? 0) + run.addedEpochs}, batches of ${config.batchSize}, ` +
          `${config.optimizer} at ${config.learningRate} (${config.schedule}), seed ${config.seed}`,
      ],
      ...warnings.map(({ message }) => ['warning', message] as const),
    ]),
  ];
}

/** Workers, and how their rounds make up epochs. */
function workersFields({ config, dataset }: ReadyEvent['run']): (readonly [string, string])[] {
  if (config.workers === null) return [];
  const { workers, steps, perEpoch, epochs } = roundsOf(resolveConfig(config), dataset.train);
  const { learningRate, momentum } = outerOf(config);
  const images = plural(Math.floor(dataset.train / workers), 'image');
  return [
    ['workers', `${workers} with ${images} each, averaged every ${plural(steps, 'step')} (DiLoCo)`],
    [
      'rounds',
      `${plural(epochs * perEpoch, 'round')}, of which ${perEpoch} and a validation make an epoch: ` +
        `${plural(epochs, 'epoch')}; outer SGD at ${learningRate}, Nesterov momentum ${momentum}`,
    ],
  ];
}

const statisticsTexts = {
  batch: 'the batch’s own statistics (transductive: queries help each other)',
  support: 'the support’s statistics (each query for itself)',
  running: 'the statistics that came with the weights',
} as const;

/** The header of a run of meta-learning. */
export function metaHeader(event: MetaReadyEvent): string[] {
  const { out, run, config, sets, notes, threads, memory } = event;
  const { learner, way, shots, queries, metaBatch, metaSteps, optimizer, learningRate, schedule } = config;
  const adapts = event.learner.kind === 'gradient' || event.learner.kind === 'reptile';
  const order = config.order === null ? '' : `, ${config.order === 1 ? 'first' : 'second'} order`;
  const isBaseline = learners[learner].kind === 'baseline';
  const augmented = config.augment === null ? '' : `, images augmented: ${textOf('augment', config.augment)}`;
  const training =
    `${metaSteps} meta-steps of ${plural(metaBatch, 'episode')}, ${plural(epochsOf(config), 'validation')}, ${optimizer} at ` +
    `${learningRate} (${schedule}), seed ${config.seed}${augmented}`;
  const [images = '', ...parts] = sets.header.lines;
  return [
    ...notes,
    ...(sets.problems.length > 0 ? [formatProblems(sets.problems)] : []),
    ...fields([
      ['run', out],
      ['learner', `${learner}${order}: ${learners[learner].description}`],
      [
        'model',
        `${config.model}, ${formatCount(run.parameters.total)} parameters, ${run.preprocessing.crop} px, weights ` +
          `${config.weights}`,
      ],
      ...(adapts ? [['inner loop', innerLoop(event)] as const] : []),
      ['batch norm', statisticsTexts[config.statistics ?? 'running']],
      ['images', images],
      ...parts.map((part) => ['', part] as const),
      ['episodes', `${way}-way, ${shots}-shot, ${queries} queries of each class; ${config.episodes} to validate`],
      ['training', isBaseline ? 'none' : training],
      [
        'threads',
        threadsText(threads, metaBatch) + (memory === null ? '' : `, about ${formatBytes(memory)} of memory each`),
      ],
    ]),
  ];
}

/** Where a step has fewer episodes than there are threads, they share them. */
function threadsText(threads: number, episodes: number): string {
  return episodes < threads
    ? `${threads}, for ${plural(episodes, 'episode')} at a time`
    : `${threads}, an episode each`;
}

/** The inner loop, and the parameters that it adapts. */
function innerLoop({ config, learner }: Pick<MetaReadyEvent, 'config' | 'learner'>): string {
  if (learner.kind === 'prototypes') return '';
  const names = [...learner.rates].filter(([, rate]) => rate > 0).map(([name]) => name);
  const all = learner.rates.size === names.length;
  const blocks = [...new Set(names.map((name) => name.split('.')[0]))].join(', ');
  const rates = {
    none: `of ${config.innerRate}`,
    'per-element': `of rates learned for every element from ${config.innerRate}`,
    'per-step': `of rates learned for every tensor and step from ${config.innerRate}`,
  }[learner.kind === 'gradient' ? learner.learnedRates : 'none'];
  const steps = `${config.innerSteps} ${config.innerSteps === 1 ? 'step' : 'steps'} (${config.testSteps} in tests)`;
  return `${steps} ${rates} by ${config.innerOptimizer}, adapts ${all ? `everything: ${blocks}` : blocks}`;
}
