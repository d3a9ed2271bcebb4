import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { numbersOf } from '@graft-ml/core';
import { createRuntime } from 'graft-ml/internal/runtime/index';
import { describe, expect, test } from 'vitest';
import { writtenByCode } from './drawing.ts';
import { type DrawnClass, episodeOf, startOf, traceLearners } from './inner-loop.ts';

const folder = fileURLToPath(new URL('../../../../graft-ml/assets/starts/omniglot/', import.meta.url));
const run = JSON.parse(readFileSync(`${folder}run.json`, 'utf8'));
const start = startOf('omniglot', run, readFileSync(`${folder}best.safetensors`));
const runtime = createRuntime({ cache: null, threads: 1, tune: false });

/** A task of so many classes; a class may have other numbers of drawings than another. */
const classesOf = (way: number): DrawnClass[] =>
  [...'ABCDE'].slice(0, way).map((name, label) => ({
    ...{ name, support: [writtenByCode(1, label, 0), writtenByCode(1, label, 1)].slice(label === 0 ? 1 : 0) },
    query: [writtenByCode(1, label, 100)],
  }));

test('a task in the images and labels of an episode', () => {
  const { support, supportLabels, query, queryLabels, classes } = episodeOf(classesOf(3), 28);
  expect([support.shape, query.shape]).toEqual([[5, 3, 28, 28], [3, 3, 28, 28]]); // biome-ignore format: two shapes
  expect([numbersOf(supportLabels), numbersOf(queryLabels)].map((labels) => Array.from(labels))).toEqual([
    [0, 1, 1, 2, 2],
    [0, 1, 2],
  ]);
  expect(classes).toEqual(['A', 'B', 'C']);
});

describe('learners from one start', () => {
  const settings = { innerSteps: 2, innerRate: 0.4, statistics: 'support' } as const;

  test('say what they adapt, and move it alone', async () => {
    const question = { classes: classesOf(5), learners: ['maml', 'anil', 'boil'] as const, ...settings };
    const { traces, start: from } = await traceLearners(start, question, runtime);
    expect(from).toEqual({ name: 'omniglot', innerSteps: 1, innerRate: 0.4 });
    expect(traces.map(({ learner, adapts }) => [learner, adapts])).toEqual([
      ...[['maml', 'all'], ['anil', 'head'], ['boil', 'body']], // biome-ignore format: pairs
    ]);
    for (const { adapts, moved, steps } of traces) {
      expect(moved.map(({ block }) => block)).toEqual(['layer1', 'layer2', 'layer3', 'layer4', 'head']);
      for (const { block, byStep } of moved) {
        const isAdapted = adapts === 'all' || (adapts === 'head') === (block === 'head');
        expect(byStep.map((share) => share > 0)).toEqual([false, isAdapted, isAdapted]);
      }
      expect(steps[1]!.support.loss).toBeLessThan(steps[0]!.support.loss);
    }
    // All are the start before the first step.
    for (const { steps } of traces) expect(steps[0]!.query.loss).toBeCloseTo(traces[0]!.steps[0]!.query.loss, 4);
  });

  test('tell fewer classes apart than the start was meta-learned with', async () => {
    const { traces } = await traceLearners(start, { classes: classesOf(2), learners: ['maml'], ...settings }, runtime);
    const [trace] = traces;
    expect(trace!.steps.at(-1)!.query.probabilities.map((row) => row.length)).toEqual([2, 2]);
  });
});
