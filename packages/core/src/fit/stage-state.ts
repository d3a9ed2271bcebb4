import { type Tensor, type Tensors, zeros } from '../base/tensor.ts';
import type { Course } from './course.ts';
import { trainedSince } from './stage.ts';
import { averageName, slotName, sumName } from './step.ts';

/**
 * The state in a stage: its variables and those of the stages before it, and the optimizer's slots for the parameters
 * that are trained. Values come from `now`, where they exist there and do not begin anew.
 */
export function stageState<M extends string>(
  { stages, optimizer, initial, average, accumulate }: Course<M>,
  index: number,
  now: Tensors,
): Record<string, Tensor> {
  const variables = new Map(stages.slice(0, index + 1).flatMap((stage) => [...stage.variables]));
  const state: Record<string, Tensor> = {};
  for (const name of variables.keys()) state[name] = now[name] ?? initial[name]!;
  for (const [name, setting] of stages[index]!.settings) {
    if (!setting || !variables.has(name)) continue;
    const empty = () => zeros('f32', variables.get(name)!.shape);
    const goesOn = trainedSince(stages, index, name) < index;
    for (const slot of optimizer.slots.map((key) => slotName(key, name))) {
      state[slot] = (goesOn ? now[slot] : undefined) ?? empty();
    }
    if (accumulate > 1) state[sumName(name)] = empty();
  }
  if (average === null) return state;
  for (const { name, dtype } of variables.values()) {
    if (dtype === 'f32') state[averageName(name)] = now[averageName(name)] ?? state[name]!;
  }
  return state;
}
