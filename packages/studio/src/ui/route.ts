import { signal } from '@preact/signals';

/** The steps of the studio, in the order in which one takes them: the hash of the address, and the name. */
export const steps = [
  { id: 'collect', name: 'Collect' },
  { id: 'train', name: 'Train' },
  { id: 'look', name: 'Look' },
  { id: 'understand', name: 'Understand' },
  { id: 'take-away', name: 'Take away' },
] as const;

export type StepId = (typeof steps)[number]['id'];

const stepInAddress = (): StepId => steps.find(({ id }) => `#${id}` === location.hash)?.id ?? 'collect';
const current = signal<StepId>(stepInAddress());
addEventListener('hashchange', () => {
  current.value = stepInAddress();
});

/** The step that the address names. A component that reads it is drawn again when that changes. */
export function currentStep(): StepId {
  return current.value;
}

/** Goes to a step, as a click on its link does: back returns. */
export function goTo(step: StepId): void {
  location.hash = step;
}
