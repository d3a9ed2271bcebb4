import { computed, signal } from '@preact/signals';
import { openWork } from '../work.ts';
import { writtenByCode } from './drawing.ts';
import type { DrawnClass, InnerSettings } from './inner-loop.ts';
import type { ShownLearner } from './learners.ts';

/** The size of a task that code writes. */
export const taskSize = signal({ way: 5, shots: 1, queries: 3, seed: 0 });
export const bounds = { way: [2, 5], shots: [1, 5], queries: [1, 5] } as const;

/** Characters that nobody has seen, each written a few times. */
export function taskByCode({ way, shots, queries, seed }: typeof taskSize.value): DrawnClass[] {
  const written = (label: number, first: number, count: number) =>
    Array.from({ length: count }, (_, i) => writtenByCode(seed, label, first + i));
  return Array.from({ length: way }, (_, label) => ({
    name: 'ABCDE'[label]!,
    support: written(label, 0, shots),
    query: written(label, 100, queries), // others than any number of shots has
  }));
}

export const classes = signal<readonly DrawnClass[]>(taskByCode(taskSize.value));

/** The classes that have nothing to learn from yet. */
export const missing = computed(() => classes.value.filter(({ support }) => support.length === 0));
export const isComplete = computed(
  () => missing.value.length === 0 && classes.value.some(({ query }) => query.length > 0),
);

/** Steps and rate of the start's own inner loop are 1 and 0.4; more steps are more to watch. */
export const settings = signal<InnerSettings>({ innerSteps: 5, innerRate: 0.4, statistics: 'support' });
export const chosenLearners = signal<readonly ShownLearner[]>(['maml', 'anil', 'boil']);

export const trace = openWork('trace');
export const surface = openWork('surface');

/** The inner steps that are shown as taken. */
export const step = signal(0);
export const isPlaying = signal(false);
