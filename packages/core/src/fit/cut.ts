import type { Shape } from '../base/tensor.ts';
import { input, inputName, reachable, type Value } from '../graph/index.ts';
import { backboneEndpoint } from '../models/index.ts';
import { Scope, type TraceOptions } from '../nn/index.ts';
import { feedNames, type Network } from './step.ts';

/** A network in two parts at an endpoint: what is frozen runs before it, what is trained behind it. */
export interface Cut {
  readonly endpoint: string;
  /** The endpoint's shape for one input, without the batch axis. */
  readonly shape: Shape;
  /** The network from the endpoint on. */
  readonly network: Network;
}

/**
 * The latest endpoint of the backbone with nothing trained before it, through which everything behind it goes: a layer
 * that is also fed from further up (DenseNet's, an auxiliary head) cannot be cut off. Null where there is none: the
 * first layer is trained.
 */
export function cutBefore(network: Network, isTrained: (variable: string) => boolean): Cut | null {
  const { scope, trace } = Scope.root({ training: true });
  network.forward(scope, input(feedNames.input, network.input.dtype, [1, ...network.input.shape]));
  const firstTrained = [...trace.variables.keys()].findIndex(isTrained);
  const frozen = firstTrained === -1 ? trace.variables.size : firstTrained;
  // A head is never cut in two: what is random in it, its dropout, belongs to training.
  const endpoints = [...trace.variablesBefore];
  const ofBackbone = endpoints.slice(0, endpoints.findIndex(([endpoint]) => endpoint === backboneEndpoint) + 1);
  const candidates = (ofBackbone.length > 0 ? ofBackbone : endpoints).flatMap(([endpoint, count]) =>
    count <= frozen ? [endpoint] : [],
  );
  for (const endpoint of candidates.reverse()) {
    const cut = cutAt(network, endpoint, trace.endpoints.get(endpoint)!.shape.slice(1));
    if (trace.endpoints.get(endpoint)!.dtype === 'f32' && separates(cut)) return cut;
  }
  return null;
}

function cutAt(whole: Network, endpoint: string, shape: Shape): Cut {
  const forward = (s: Scope, x: Value) => {
    const before = input(beforeCut, whole.input.dtype, [x.shape[0]!, ...whole.input.shape]);
    return whole.forward(s.cutAt(endpoint, x), before);
  };
  return { endpoint, shape, network: { ...whole, input: { dtype: 'f32', shape }, forward } };
}

/** The input that nothing behind a cut may depend on. */
const beforeCut = 'batch/before-the-cut';

function separates({ network }: Cut): boolean {
  const { scope, trace } = Scope.root({ training: true });
  const logits = network.forward(scope, input(feedNames.input, 'f32', [1, ...network.input.shape]));
  const outputs = [logits, ...trace.endpoints.values()];
  return !reachable(outputs).some((value) => inputName(value) === beforeCut);
}

/** The endpoint's value for a batch, as evaluation computes it: (n, …cut.shape). */
export function prefixGraph(
  network: Network,
  endpoint: string,
  batchSize: number,
  variable: NonNullable<TraceOptions['variable']>,
): Value {
  const { scope, trace } = Scope.root({ training: false, variable });
  network.forward(scope, input(feedNames.input, network.input.dtype, [batchSize, ...network.input.shape]));
  return trace.endpoints.get(endpoint)!;
}
