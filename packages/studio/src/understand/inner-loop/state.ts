import { computed, signal } from '@preact/signals';
import { openWork } from '../work.ts';
import { type Drawing, writtenByCode } from './drawing.ts';
import type { DrawnClass, InnerLoopQuestion, InnerSettings } from './inner-loop.ts';
import type { ShownLearner } from './learners.ts';

/** Characters that code writes: how many, how many drawings of each, and which ones. */
export interface TaskSize {
  readonly way: number;
  readonly shots: number;
  readonly queries: number;
  readonly seed: number;
}

export const bounds = { way: [2, 5], shots: [1, 5], queries: [1, 5] } as const;

interface Task {
  readonly size: TaskSize;
  /** Whether a person draws it; else code has written it. */
  readonly isOwn: boolean;
  readonly classes: readonly DrawnClass[];
}

/** Characters that nobody has seen, each written a few times. */
function written(size: TaskSize): Task {
  const drawings = (label: number, first: number, count: number) =>
    Array.from({ length: count }, (_, i) => writtenByCode(size.seed, label, first + i));
  const classes = namesOf(size.way).map((name, label) => ({
    name,
    support: drawings(label, 0, size.shots),
    query: drawings(label, 100, size.queries), // others than any number of shots has
  }));
  return { size, isOwn: false, classes };
}

const namesOf = (way: number) => [...'ABCDE'].slice(0, way);

const start: TaskSize = { way: 5, shots: 1, queries: 3, seed: 0 };
/** The task, and before it those that undoing leads back to. */
const history = signal<readonly [Task, ...Task[]]>([written(start)]);

export const task = computed(() => history.value[0]);
export const classes = computed(() => task.value.classes);
export const canUndo = computed(() => history.value.length > 1);

export function undo(): void {
  const [, before, ...rest] = history.value;
  if (before) history.value = [before, ...rest];
}

/** The longest history. */
const mostSteps = 50;

function change(next: Task): void {
  const [now, ...before] = history.value;
  history.value = [next, now, ...before.slice(0, mostSteps)];
}

/** A task of another size, written anew; of one's own only the number of classes, whose drawings stay. */
export function resize(by: Partial<TaskSize>): void {
  const { size, isOwn, classes: own } = task.value;
  const next = { ...size, ...by };
  if (!isOwn || by.seed !== undefined) {
    change(written(next));
  } else {
    const named = namesOf(next.way).map((name, i) => own[i] ?? { name, support: [], query: [] });
    change({ size: next, isOwn, classes: named });
  }
}

/** Empty paper for every class. */
export function drawOwn(): void {
  const { size } = task.value;
  change({ size, isOwn: true, classes: namesOf(size.way).map((name) => ({ name, support: [], query: [] })) });
}

/** Other drawings of a class, to learn from or to be told apart. */
export function redraw(
  name: string,
  side: 'support' | 'query',
  how: (drawings: readonly Drawing[]) => Drawing[],
): void {
  const next = classes.value.map((each) => (each.name === name ? { ...each, [side]: how(each[side]) } : each));
  change({ ...task.value, classes: next });
}

/** The classes that have nothing to learn from yet. */
export const missing = computed(() => classes.value.filter(({ support }) => support.length === 0));
export const isComplete = computed(
  () => missing.value.length === 0 && classes.value.some(({ query }) => query.length > 0),
);

/** Steps and rate of the start's own inner loop are 1 and 0.4; more steps are more to watch. */
export const settings = signal<InnerSettings>({ innerSteps: 5, innerRate: 0.4, statistics: 'support' });
export const chosenLearners = signal<readonly ShownLearner[]>(['maml', 'anil', 'boil']);

/** The question to the worker; null where the task lacks something, or nobody is to learn it. */
export const question = computed((): InnerLoopQuestion | null => {
  if (!isComplete.value || chosenLearners.value.length === 0) return null;
  return { classes: classes.value, learners: chosenLearners.value, ...settings.value };
});

export const trace = openWork('trace');
export const surface = openWork('surface');

/** The inner steps that are shown as taken. */
export const step = signal(0);
export const isPlaying = signal(false);
