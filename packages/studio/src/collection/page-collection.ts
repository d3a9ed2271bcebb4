import { signal } from '@preact/signals';
import { createCollection } from './collection.ts';
import { type Keeping, keepCollection } from './store.ts';

/** The collection of this page. */
export const collection = createCollection();

const state = signal<Keeping | 'opening'>('opening');

/** Where it is kept; `opening` until what was kept is there. */
export function keeping(): Keeping | 'opening' {
  return state.value;
}

/** Fills it with what this browser has kept, and keeps it from now on. */
export async function openCollection(onProblem: (error: unknown) => void): Promise<void> {
  try {
    state.value = await keepCollection(collection, onProblem);
  } catch (error) {
    state.value = 'nowhere';
    onProblem(error);
  }
}
