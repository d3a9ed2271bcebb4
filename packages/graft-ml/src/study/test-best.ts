import { evaluateFolder } from '../evaluate/evaluate-folder.ts';
import type { Executor } from '../jobs/executor.ts';
import { readMetaRun } from '../meta/read-meta-run.ts';
import { testMeta } from '../meta/test-meta.ts';
import { readRun } from '../runs/read-run.ts';
import type { Study, StudyRun, StudyTest } from './study.ts';

/**
 * Tests the run with the best validation of the best trial, once, on the test side of its dataset, by which nothing was
 * chosen. Null where there is no such side, and without a complete trial.
 */
export async function testBest(
  { definition, best }: Study,
  executor: Executor,
  signal: AbortSignal | undefined,
): Promise<StudyTest | null> {
  if (best === null) return null;
  const run = bestRun(best.runs, definition.metric);
  const path = await executor.folder(run.name);
  const chosen = { trial: best.number, run: run.name };
  if (definition.of === 'meta train') {
    const { dataset, config } = await readMetaRun(path);
    if (dataset.test.classes === 0) return null;
    const { accuracy, episodes } = await testMeta(path, { folder: definition.data, split: config.split, signal });
    const { mean, margin } = accuracy;
    return { ...chosen, accuracy: mean, interval: [mean - margin, mean + margin], count: episodes, of: 'episodes' };
  }
  if ((await readRun(path)).dataset.test === 0) return null;
  const tested = await evaluateFolder(path, definition.data, { part: 'test', replicates: 0, signal });
  const { accuracy, interval, images } = tested;
  return { ...chosen, accuracy, interval: [interval[0], interval[1]], count: images, of: 'images' };
}

/** The first of those with the best value. */
function bestRun(runs: readonly StudyRun[], metric: 'accuracy' | 'loss'): StudyRun {
  const sign = metric === 'accuracy' ? 1 : -1;
  const goodness = ({ best }: StudyRun) => (best === null ? Number.NEGATIVE_INFINITY : sign * best[metric]);
  return runs.reduce((a, b) => (goodness(b) > goodness(a) ? b : a));
}
