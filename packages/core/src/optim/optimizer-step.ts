import { UserError } from '../base/errors.ts';
import { type Tensor, type Tensors, zeros } from '../base/tensor.ts';
import { input, type Value } from '../graph/index.ts';
import { scalar } from '../runtime/index.ts';
import type { Optimizer, ParameterSetting, StepScalars } from './optimizer.ts';

/** The name of the graph input for a number that each step is fed. No parameter path contains a slash. */
export const scalarName = (name: string, group = '') => `step/${group === '' ? '' : `${group}/`}${name}`;

/** The name of the graph input, and of the output, for an optimizer's slot of a parameter. */
export const slotName = (slot: string, parameter: string) => `optimizer/${slot}/${parameter}`;

export interface OptimizerStepOptions {
  /** Factors on learning rate and weight decay, by parameter. Default: 1. */
  readonly settings?: Readonly<Record<string, ParameterSetting>>;
  /** A prefix for the names of the numbers that are fed, where one graph has several optimizer steps. Default: none. */
  readonly group?: string;
}

/** One step of an optimizer, as a graph and what it is fed. */
export interface OptimizerStep {
  /**
   * The new values of the parameters, and of what the optimizer keeps, each under the name of the old one: outputs to
   * compile. A `State` takes them over.
   */
  readonly outputs: Readonly<Record<string, Value>>;
  /** The optimizer's state before the first step: zeros (momentum, mean squares). Part of the `State`. */
  readonly slots: Readonly<Record<string, Tensor>>;
  /** The feeds of one step. `step` is the number of steps before it: 0, 1, … */
  feeds(options: { readonly learningRate: number; readonly step: number }): Tensors;
}

/**
 * One step of an optimizer, given the gradients: `optimizer.step()`, written into the graph. A parameter without a
 * gradient stays as it is, and is no output.
 *
 * @throws UserError where a gradient has no parameter
 * @example
 * const { outputs, slots, feeds } = optimizerStep(adam(), parameters, grad(loss, parameters));
 * const program = await runtime.compile({ ...outputs, loss });
 * const state = new State({ ...weights, ...slots });
 * for (let step = 0; step < 100; step++) {
 *   const { loss } = await state.step(program, { ...batch(), ...feeds({ learningRate: 1e-3, step }) });
 * }
 */
export function optimizerStep(
  optimizer: Optimizer,
  parameters: Readonly<Record<string, Value>>,
  gradients: Readonly<Record<string, Value>>,
  { settings = {}, group }: OptimizerStepOptions = {},
): OptimizerStep {
  const scalars = scalarInputs(optimizer, group);
  const outputs: Record<string, Value> = {};
  const slots: Record<string, Tensor> = {};
  for (const [name, gradient] of Object.entries(gradients)) {
    const parameter = parameterOf('optimizerStep', name, parameters);
    const { shape } = parameter;
    const kept = Object.fromEntries(optimizer.slots.map((slot) => [slot, input(slotName(slot, name), 'f32', shape)]));
    const updated = optimizer.update(parameter, gradient, kept, scalars, settings[name] ?? { rate: 1 });
    outputs[name] = updated.parameter;
    for (const [slot, value] of Object.entries(updated.slots)) {
      outputs[slotName(slot, name)] = value;
      slots[slotName(slot, name)] = zeros('f32', shape);
    }
  }
  const feeds: OptimizerStep['feeds'] = ({ learningRate, step }) =>
    scalarFeeds(optimizer, { learningRate, step, group });
  return { outputs, slots, feeds };
}

/** The graph inputs for the numbers of a step: the learning rate and the optimizer's scalars. */
export function scalarInputs(optimizer: Optimizer, group?: string): StepScalars {
  const scalar = (name: string) => input(scalarName(name, group), 'f32', []);
  const counted = Object.keys(optimizer.scalars(1)).map((name) => [name, scalar(name)] as const);
  return { learningRate: scalar('learningRate'), ...Object.fromEntries(counted) };
}

/** The feeds of those inputs. `step` is the number of steps taken before. */
export function scalarFeeds(
  optimizer: Optimizer,
  {
    learningRate,
    step,
    group,
  }: { readonly learningRate: number; readonly step: number; readonly group?: string | undefined },
): Record<string, Tensor> {
  const numbers = Object.entries({ learningRate, ...optimizer.scalars(step + 1) });
  return Object.fromEntries(numbers.map(([name, value]) => [scalarName(name, group), scalar(value)]));
}

/**
 * New parameters from old ones and their gradients, one by one: an inner step, written out. A parameter without a
 * gradient stays as it is, so that BOIL's head is what `grad` was not asked for.
 *
 * @throws UserError where a gradient has no parameter
 * @example updateParameters(parameters, grad(loss, parameters), (p, g) => sub(p, mul(g, 0.01)))
 */
export function updateParameters(
  parameters: Readonly<Record<string, Value>>,
  gradients: Readonly<Record<string, Value>>,
  update: (parameter: Value, gradient: Value, name: string) => Value,
): Record<string, Value> {
  const updated = Object.entries(gradients).map(([name, gradient]) => [
    name,
    update(parameterOf('updateParameters', name, parameters), gradient, name),
  ]);
  return { ...parameters, ...Object.fromEntries(updated) };
}

function parameterOf(caller: string, name: string, parameters: Readonly<Record<string, Value>>): Value {
  const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
  if (parameter) return parameter;
  throw new UserError(
    `${caller}: there is a gradient of ${name}, but no such parameter. The parameters are: ` +
      `${Object.keys(parameters).join(', ')}.`,
  );
}
