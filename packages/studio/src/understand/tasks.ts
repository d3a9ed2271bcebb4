import type { LossSurface } from '@graft-ml/core/meta';
import type { InnerLoopQuestion, SurfaceQuestion, Traced } from './inner-loop/inner-loop.ts';
import type { NetworkPlan, PlanQuestion } from './layers/network-plan.ts';
import type { StudyQuestion, StudyState } from './transfer/transfer-study.ts';

/** The tasks of the worker: question, answer, and what is told on the way. */
export interface Tasks {
  readonly plan: { readonly question: PlanQuestion; readonly answer: NetworkPlan; readonly progress: never };
  readonly trace: {
    readonly question: InnerLoopQuestion;
    readonly answer: Traced;
    readonly progress: Done;
  };
  readonly surface: { readonly question: SurfaceQuestion; readonly answer: LossSurface; readonly progress: Done };
  readonly study: { readonly question: StudyQuestion; readonly answer: StudyState; readonly progress: StudyState };
}

export type TaskName = keyof Tasks;

export interface Done {
  readonly done: number;
  readonly total: number;
}

/** A question on its way to the worker. */
export type Request = { readonly [T in TaskName]: RequestOf<T> }[TaskName];

export interface RequestOf<T extends TaskName> {
  readonly task: T;
  readonly question: Tasks[T]['question'];
}

/** A message on its way back: any number of `progress`, then one of the others. */
export type Reply<T extends TaskName> =
  | { readonly kind: 'progress'; readonly progress: Tasks[T]['progress'] }
  | { readonly kind: 'answer'; readonly answer: Tasks[T]['answer'] }
  | { readonly kind: 'problem'; readonly message: string };
