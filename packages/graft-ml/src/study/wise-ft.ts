import { UserError } from '@graft-ml/core/internal/base/errors';
import type { Tensors } from '@graft-ml/core/internal/base/tensor';
import { averageTensors } from '@graft-ml/core/internal/weights/average';
import { startOf } from '../evaluate/open-run.ts';
import { readRun } from '../runs/read-run.ts';
import { openRunStore } from '../runs/run-store.ts';
import { distinctNames } from './given.ts';
import {
  type AverageOptions,
  assertSameTask,
  isBetter,
  type MeasuredWeights,
  type RunTensors,
  WeightsBench,
} from './weights-bench.ts';

/** Weights between two networks: θ = (1 - α) · θ of the probe + α · θ of the fine-tuned. */
export interface Interpolation extends MeasuredWeights {
  readonly alpha: number;
}

/** Options of interpolating between a probe and a fine-tuned run. */
export interface WiseFtOptions extends AverageOptions {
  /** The α to try between 0 and 1; both ends are measured anyway. Default 0.05, 0.10, …, 0.95. */
  readonly alphas?: readonly number[] | undefined;
}

/** What interpolating between a probe and a fine-tuned run has brought. */
export interface WiseFt {
  /** The run that was written; null where one of the two ends is the best. */
  readonly out: string | null;
  /** The best on validation, which it was chosen by, so that it is a little too good. */
  readonly best: Interpolation;
  /** On validation, by rising α: 0 is the probe, 1 the fine-tuned run. */
  readonly curve: readonly Interpolation[];
  /** On the test part, which nothing was chosen by; null where the dataset has none. */
  readonly test: {
    readonly probe: MeasuredWeights;
    readonly fineTuned: MeasuredWeights;
    readonly best: MeasuredWeights;
  } | null;
}

/**
 * WiSE-FT (Wortsman et al. 2022, arXiv 2109.01903): interpolates between the weights of a probe, whose backbone is as it
 * was pretrained, and those of a fine-tuned run, takes the α that is best on validation, and writes that as an ordinary
 * run where it is better than either. The running statistics of batch norms are interpolated like the weights.
 *
 * @param probe a run of the same network, such as one of `feature-extraction`; `start`: the weights that the fine-tuned
 * run began with, under its own head
 * @throws UserError where the two cannot be averaged, or a run or its images cannot be read; the signal's reason
 * @example const { best, test } = await wiseFt('runs/probe', 'runs/fine-tuned', { out: 'runs/wise' });
 */
export async function wiseFt(probe: string, fineTuned: string, options: WiseFtOptions): Promise<WiseFt> {
  const { openStore = openRunStore, alphas = usualAlphas } = options;
  if (alphas.some((alpha) => !(alpha >= 0 && alpha <= 1))) {
    throw new UserError(`wiseFt: expected every alpha from 0 to 1, received ${alphas.join(', ')}.`);
  }
  if (probe !== 'start') {
    assertSameTask(fineTuned, await readRun(fineTuned, openStore), probe, await readRun(probe, openStore));
  }
  await using bench = await WeightsBench.open(fineTuned, options);
  const to = await bench.weightsOf(fineTuned);
  const from = probe === 'start' ? await underHeadOf(to, fineTuned, options) : await bench.weightsOf(probe);
  const [nameFrom = '', nameTo = ''] = probe === 'start' ? ['its start', fineTuned] : distinctNames([probe, fineTuned]);
  const objection = bench.objectionTo(to) ?? bench.objectionTo(from);
  if (objection !== null) throw new UserError(`${nameFrom} and ${nameTo} cannot be judged together: ${objection}.`);
  const between = (alpha: number) =>
    averageTensors([
      { source: probe, tensors: from.tensors, share: 1 - alpha },
      { source: fineTuned, tensors: to.tensors, share: alpha },
    ]);
  const tried = [...new Set([0, ...alphas, 1])].sort((a, b) => a - b);
  const curve: Interpolation[] = [];
  for (const alpha of tried) {
    const measured = await bench.measure(between(alpha), 'validation', `α = ${alpha}`);
    curve.push({ alpha, ...measured });
  }
  // Of equals the one nearer to the fine-tuned run.
  const best = curve.reduceRight((most, one) => (isBetter(one, most) ? one : most));
  const isBetween = best.alpha > 0 && best.alpha < 1;
  const onTest = (tensors: Tensors) => bench.measure(tensors, 'test', 'measuring the test part');
  const ends = bench.hasTest ? { probe: await onTest(from.tensors), fineTuned: await onTest(to.tensors) } : null;
  const test = ends && {
    ...ends,
    best: isBetween ? await onTest(between(best.alpha)) : best.alpha === 0 ? ends.probe : ends.fineTuned,
  };
  if (isBetween) {
    const how = `WiSE-FT, ${1 - best.alpha} of ${nameFrom} and ${best.alpha} of ${nameTo}`;
    await bench.write(between(best.alpha), { how, of: [from, to], validation: best });
  }
  return { out: isBetween ? options.out : null, best, curve, test };
}

const usualAlphas = Array.from({ length: 19 }, (_, i) => (i + 1) / 20);

/** The weights that a run began with under the head that it has now. */
async function underHeadOf(
  { tensors, seen }: RunTensors,
  path: string,
  { openStore = openRunStore, cache }: AverageOptions,
): Promise<RunTensors> {
  const start = await startOf(path, await readRun(path, openStore), { openStore, download: { cache } });
  if (Object.keys(start).length === 0) {
    throw new UserError(`${path} began with random weights: there is nothing to interpolate with. Name a probe.`);
  }
  return { tensors: { ...tensors, ...start }, seen };
}
