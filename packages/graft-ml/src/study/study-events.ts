import type { Parameters } from '@graft-ml/core/internal/study/study';
import type { StudyDefinition } from './definition.ts';
import type { Study, StudyTrial } from './study.ts';

/** What happens in a study. Of trials that are under way at once the events come as they happen. */
export type StudyEvent =
  /** It begins, or is resumed with the trials that have ended. */
  | {
      readonly kind: 'study';
      readonly out: string;
      readonly definition: StudyDefinition;
      readonly isResumed: boolean;
      readonly ended: readonly StudyTrial[];
    }
  | TrialEvent
  /** The signal came: `resumeStudy` goes on. */
  | { readonly kind: 'interrupted'; readonly out: string }
  /** All trials have ended. The study is as `openStudy` reads it. */
  | { readonly kind: 'end'; readonly out: string; readonly study: Study };

/** What happens in a trial. */
export type TrialEvent =
  /** It begins, or is taken up where it was interrupted. */
  | {
      readonly kind: 'trial';
      readonly trial: number;
      readonly parameters: Parameters;
      readonly runs: readonly string[];
      readonly isResumed: boolean;
    }
  /** A process has taken up one of its runs. */
  | {
      readonly kind: 'started';
      readonly trial: number;
      readonly run: string;
      readonly attempt: number;
      readonly worker: string;
    }
  /** A run has validated; `mean` is that of all runs of the trial, null where others are not as far. */
  | {
      readonly kind: 'report';
      readonly trial: number;
      readonly run: string;
      readonly step: number;
      readonly accuracy: number;
      readonly loss: number;
      readonly mean: number | null;
    }
  /** It was stopped after an epoch, with the metric it had then. */
  | { readonly kind: 'pruned'; readonly trial: number; readonly step: number; readonly value: number }
  | { readonly kind: 'complete'; readonly trial: number; readonly value: number; readonly seconds: number }
  /** The study goes on without it. */
  | { readonly kind: 'failed'; readonly trial: number; readonly message: string }
  /** A complete trial is better than those before it. */
  | { readonly kind: 'best'; readonly trial: number; readonly value: number; readonly parameters: Parameters };
