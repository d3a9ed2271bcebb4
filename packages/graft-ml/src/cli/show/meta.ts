import { plural } from '@graft-ml/core/internal/base/plural';
import { formatProblems } from '@graft-ml/core/internal/image/problem';
import { formatInterval } from '../../experiment/comparison.ts';
import type { Adapted } from '../../meta/adapt-meta.ts';
import type { MetaTest } from '../../meta/test-meta.ts';
import { percent, table } from './format.ts';
import type { Result } from './printer.ts';

/** The result of adapting a run of meta-learning. */
export function adaptedResult({ out, run, learner, steps, folder, notes }: Adapted): Result {
  const how = steps === null ? 'from their features' : `in ${plural(steps, 'inner step')}`;
  const { classes, train, problems } = folder;
  const images = plural(train.length, 'image');
  return {
    notes: [
      ...(problems.length > 0 ? [formatProblems(problems)] : []),
      ...notes,
      `Next: graft predict ${out} <image>, graft evaluate ${out} <folder>, or graft export ${out}`,
    ],
    lines: [`${learner} learned ${classes.length} classes from ${images} ${how}. The run is in ${out}`],
    json: { out, adaptedFrom: run.adaptedFrom, learner, steps, notes, classes, images: train.length },
  };
}

const normalisation = {
  batch: 'queries normalised together (transductive)',
  support: 'each query for itself',
  running: 'each query for itself',
} as const;

/** The result of testing a run of meta-learning. */
export function testResult(result: MetaTest): Result {
  const { learner, model, shape, episodes, of, accuracy, perStep, statistics, notes } = result;
  const isTrials = of === 'one-shot trials';
  const task = `${shape.way}-way ${shape.shots}-shot, ${shape.queries} queries of each class`;
  const which = isTrials ? of : `episodes of the ${of} classes`;
  const rows = perStep.map(({ steps, accuracy: after, loss }) => [steps, formatInterval(after), loss.mean.toFixed(4)]);
  const how = `95 % interval of the mean; ${normalisation[statistics ?? 'running']}`;
  return {
    notes,
    lines: [
      `${learner} on ${model}, ${task}, ${episodes} ${which}`,
      `accuracy ${formatInterval(accuracy)}  (${how})`,
      ...(isTrials ? [`error    ${percent(1 - accuracy.mean)}  (people: 4.5 %)`] : []),
      ...(perStep.length > 1 ? [`\n${table(['inner steps', 'accuracy', 'loss'], rows)}`] : []),
    ],
    json: result,
  };
}
