import { option } from '../base/code.ts';
import { OptionError } from '../base/errors.ts';
import type { Value } from '../graph/index.ts';
import { batchNorm, dropout, globalAveragePool, hardSwish, type Layer, linear, type Scope, silu } from '../nn/index.ts';
import { gelu, relu, tanh } from '../ops/index.ts';
import { headExpected, headProblem } from './head-layers.ts';
import type { Architecture, HeadLayer, HeadLayerName, HeadLayers } from './model.ts';

const layers: Readonly<Record<HeadLayerName, Layer>> = {
  relu: (_s, x) => relu(x),
  gelu: (_s, x) => gelu(x),
  silu: (_s, x) => silu(x),
  hardswish: (_s, x) => hardSwish(x),
  tanh: (_s, x) => tanh(x),
  batchnorm: (s, x) => batchNorm(s, x),
};

function layerOf(layer: HeadLayer): Layer {
  if (typeof layer === 'number') return (s, x) => linear(s, x, { features: layer });
  if (typeof layer === 'string') return layers[layer];
  return (s, x) => dropout(s, x, layer.dropout);
}

/**
 * The model with a deeper head: the given layers and then the linear one, on features that are averaged over the image.
 * Parameters are named as in PyTorch's `Sequential`: for `[512, 'relu']` these are `fc.0.weight`, …, `fc.2.weight`, ….
 *
 * @throws OptionError that says which layer is not understood, and what may stand there
 */
export function withHead<M extends Architecture>(model: M, headLayers: HeadLayers): M {
  const problem = headProblem(headLayers);
  if (problem !== undefined) {
    const said = problem === true ? {} : { problem };
    throw new OptionError({ option: 'head', expected: headExpected, received: headLayers, ...said });
  }
  const deeper = headLayers.map(layerOf);
  const at = (s: Scope, index: number) => atPath(s, model.headPath).at(index);
  const beforeLast = (s: Scope, features: Value) => {
    const flat = features.shape.length === 4 ? globalAveragePool(features) : features;
    return deeper.reduce((value, layer, i) => layer(at(s, i), value), flat);
  };
  const head: Architecture['head'] = (s, features, numClasses) =>
    linear(at(s, deeper.length), beforeLast(s, features), { features: numClasses });
  return { ...model, head, beforeLast, headLayers };
}

/**
 * The model with dropout before the last layer of its head, in place of the head's own, if any; the backbone keeps its. A
 * head is one layer on the features, so this is dropout of the features.
 * @throws OptionError where the head has been made deeper: its dropout is one of its layers.
 */
export function withDropout<M extends Architecture>(model: M, probability: number): M {
  if (model.headLayers !== undefined) {
    throw new OptionError({
      option: 'dropout',
      expected: 'none beside a head of layers',
      received: probability,
      problem:
        ` ${probability} and ${option('head', model.headLayers)} do not go together: ` +
        `write it into the head, as in ${option('head', [...model.headLayers, { dropout: probability }])}.`,
    });
  }
  const head: Architecture['head'] = (s, features, numClasses) =>
    model.head(s.evaluating(), dropout(atPath(s, model.headPath).at('dropout'), features, probability), numClasses);
  return { ...model, head };
}

function atPath(s: Scope, path: string): Scope {
  return path.split('.').reduce((scope, name) => scope.at(name), s);
}
