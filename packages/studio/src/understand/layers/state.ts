import { computed, signal } from '@preact/signals';
import { openWork } from '../work.ts';
import type { PlanQuestion } from './network-plan.ts';

export type Options = PlanQuestion['config'];

export const model = signal('resnet18');
export const images = signal(200);
export const classes = signal(5);
export const options = signal<Options>({ strategy: 'partial' });
/** Blocks that were clicked on: frozen or trained whatever the strategy says. */
export const changed = signal<ReadonlyMap<string, 'freeze' | 'train'>>(new Map());
/** The stage that is drawn, from 0. */
export const stage = signal(0);

export const plan = openWork('plan');

/** The options as the command line and `trainFolder` take them. */
export const chosenOptions = computed((): Options => {
  const of = (kind: 'freeze' | 'train') => [...changed.value].flatMap(([block, as]) => (as === kind ? [block] : []));
  const [freeze, train] = [of('freeze'), of('train')];
  return { ...options.value, ...(freeze.length > 0 && { freeze }), ...(train.length > 0 && { train }) };
});

export const question = computed(
  (): PlanQuestion => ({
    ...{ model: model.value, classes: classes.value, images: images.value },
    config: chosenOptions.value,
  }),
);

export function choose(change: Options): void {
  options.value = { ...options.value, ...change };
}

/** Another network or strategy: what was clicked on in the drawing before means nothing in the new one. */
export function begin(): void {
  changed.value = new Map();
  stage.value = 0;
}
