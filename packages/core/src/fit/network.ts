import type { Value } from '../graph/index.ts';
import { type Architecture, applyModel, auxiliaryLogits, headPattern, type Preprocessing } from '../models/index.ts';
import { normalisePixels } from '../nn/index.ts';
import { div } from '../ops/index.ts';
import type { ParameterTable } from './selection.ts';
import { type Network, traceOf } from './step.ts';

/** The whole network, from bytes (3, crop, crop) to logits. Normalisation is part of it. */
export function imageNetwork(model: Architecture, preprocessing: Preprocessing, numClasses: number): Network {
  const { crop } = preprocessing;
  return {
    input: { dtype: 'u8', shape: [3, crop, crop] },
    forward: (s, pixels) => applyModel(model, s, normalisePixels(pixels, preprocessing), { numClasses }),
    ...(model.auxiliary && { auxiliary: { endpoint: auxiliaryLogits, weight: model.auxiliary.weight } }),
  };
}

/** Logits divided by a temperature: their softmax becomes less sure above 1. At 1 the graph stays as it is. */
export function atTemperature(logits: Value, temperature: number): Value {
  return temperature === 1 ? logits : div(logits, temperature);
}

/** The table of names that patterns over the parameters of a model's network refer to. */
export function parameterTable(network: Network, model: Architecture): ParameterTable {
  const { variables, blocks } = traceOf(network);
  const parameters = new Map(
    [...variables].flatMap(([name, { kind, shape }]) => (kind === 'parameter' ? [[name, shape] as const] : [])),
  );
  const head = headPattern(model);
  return { parameters, blocks, head: new Set([...parameters.keys()].filter((name) => head.test(name))) };
}
