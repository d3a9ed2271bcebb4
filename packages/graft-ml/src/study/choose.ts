import { ashaPruner, medianPruner, noPruner } from '@graft-ml/core/internal/study/pruners';
import { gridSampler, gridSize, randomSampler } from '@graft-ml/core/internal/study/samplers';
import type { History, Pruner, Sampler, Trial } from '@graft-ml/core/internal/study/study';
import { tpeSampler } from '@graft-ml/core/internal/study/tpe';
import { directionOf, type StudyDefinition } from './definition.ts';

/** The sampler of a study. */
export function samplerOf({ sampler, seed }: StudyDefinition): Sampler {
  switch (sampler.kind) {
    case 'tpe': {
      const { kind: _, ...options } = sampler;
      return tpeSampler({ ...options, seed });
    }
    case 'random':
      return randomSampler({ seed });
    case 'grid':
      return gridSampler();
  }
}

/** The pruner of a study. */
export function prunerOf({ pruner }: StudyDefinition): Pruner {
  switch (pruner.kind) {
    case 'none':
      return noPruner();
    case 'asha': {
      const { kind: _, ...options } = pruner;
      return ashaPruner(options);
    }
    case 'median': {
      const { kind: _, ...options } = pruner;
      return medianPruner(options);
    }
  }
}

/** The trials that a study has at most; null where only time ends it. */
export function mostTrials({ budget, sampler, space }: StudyDefinition): number | null {
  const { trials = null } = budget;
  if (sampler.kind !== 'grid') return trials;
  return Math.min(gridSize(space), trials ?? Number.POSITIVE_INFINITY);
}

/**
 * What is known where trial `number` is suggested or judged: what trials up to `number - parallel` have come to, all of
 * which have ended, and which options those since then have. It does not depend on which of them ended first.
 */
export function historyFor(
  study: StudyDefinition & { readonly parallel: number },
  trials: readonly Trial[],
  number: number,
): History {
  const known = trials
    .filter((trial) => trial.number < number)
    .map((trial): Trial => {
      if (trial.number <= number - study.parallel) return trial;
      return { ...trial, state: 'running', intermediate: new Map(), value: null };
    });
  return { space: study.space, direction: directionOf(study), trials: known };
}
