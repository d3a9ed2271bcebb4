import type { Value } from '../graph/index.ts';
import { type Architecture, applyModel, auxiliaryLogits, headPattern, type Preprocessing } from '../models/index.ts';
import { normalisePixels, type Trace } from '../nn/index.ts';
import { div } from '../ops/index.ts';
import type { ParameterTable } from './selection.ts';
import { type Network, traceOf } from './step.ts';

/** The whole network, from bytes (3, crop, crop) to logits. Normalisation is part of it. */
export function imageNetwork(model: Architecture, preprocessing: Preprocessing, numClasses: number): Network {
  const { crop } = preprocessing;
  return {
    input: { dtype: 'u8', shape: [3, crop, crop] },
    forward: (s, pixels) => applyModel(model, s, normalisePixels(pixels, preprocessing), { numClasses }),
    isRowwise: model.isRowwise,
    ...(model.auxiliary && { auxiliary: { endpoint: auxiliaryLogits, weight: model.auxiliary.weight } }),
  };
}

/** Logits divided by a temperature: their softmax becomes less sure above 1. At 1 the graph stays as it is. */
export function atTemperature(logits: Value, temperature: number): Value {
  return temperature === 1 ? logits : div(logits, temperature);
}

/** The table of names that patterns over the parameters of a model's network refer to. */
export function parameterTable(network: Network, model: Architecture): ParameterTable {
  const head = headPattern(model);
  return tableOf(traceOf(network), (name) => head.test(name));
}

/** The table of names that patterns over a network's parameters refer to, by which of them are the head's. */
export function tableOf({ variables, blocks }: Trace, isHead: (parameter: string) => boolean): ParameterTable {
  const own = [...variables.values()].filter(({ kind }) => kind === 'parameter');
  const parameters = new Map(own.map(({ name, shape }) => [name, shape]));
  return { parameters, blocks, head: new Set([...parameters.keys()].filter(isHead)) };
}
