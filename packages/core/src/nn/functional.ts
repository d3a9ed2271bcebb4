import { didYouMean } from '../base/choice.ts';
import { ShapeError, UserError } from '../base/errors.ts';
import type { Tensor, TensorType } from '../base/tensor.ts';
import { input, typeOf, type Value } from '../graph/index.ts';
import { type BatchNormPolicy, initialise, type Noise, Scope, type Variable } from './scope.ts';

/** A network as a function: inputs (n, …) to outputs (n, …). Its layers ask the scope for their parameters. */
export type Forward = (s: Scope, x: Value) => Value;

/** A network, or something that has one as its method: `model.network`. */
export type AnyNetwork = Forward | { forward(s: Scope, x: Value): Value };

/** Values for a network's parameters and buffers, by their full names (`layer1.conv.weight`). */
export type Parameters = Readonly<Record<string, Value>>;

export interface FunctionalCallOptions {
  /** Whether dropout and the like are on, and batch norm updates its running statistics. Default false. */
  readonly training?: boolean;
  /**
   * The policy by layer path (`layer1.0.bn1`), or one for all. Default `running`: in evaluation the running statistics.
   */
  readonly batchNorm?: BatchNormPolicy | ((path: string) => BatchNormPolicy);
}

/** The results of a call of a network beside its output. */
export interface FunctionalResult {
  /** (n, …) */
  readonly output: Value;
  /** New values of buffers by name: running statistics, in training. */
  readonly buffers: Readonly<Record<string, Value>>;
  /** The masks that `drawNoise` draws for every run: of dropout, in training. */
  readonly noise: readonly Noise[];
}

/**
 * A network as a pure function of its parameters, PyTorch's `torch.func.functional_call`: the values in `parameters`
 * replace the parameters of their names, be they graph inputs, constants, or the results of an inner loop. x (n, …) →
 * (n, …).
 *
 * Values that the network does not ask for are ignored. Buffers may be left out as long as nothing reads them: running
 * statistics with the policy `batch`, say.
 *
 * @throws UserError where a parameter has no value
 * @throws ShapeError where a value has another type than the network asks for
 * @throws Error where the network draws masks in training (dropout), which must be fed: use `functionalCallWithState`
 * @example
 * const loss = (parameters: Parameters) => crossEntropy(functionalCall(network, parameters, x), labels);
 * const gradients = grad(loss(parameters), parameters);
 * const adapted = updateParameters(parameters, gradients, (p, g) => sub(p, mul(g, 0.01)));
 * const metaGradients = grad(loss(adapted), parameters);
 */
export function functionalCall(
  network: AnyNetwork,
  parameters: Parameters,
  x: Value,
  options: FunctionalCallOptions = {},
): Value {
  const { output, noise } = functionalCallWithState(network, parameters, x, options);
  if (noise.length > 0) {
    throw new Error(
      `functionalCall: the mask ${noise[0]!.name} is drawn for every step and must be fed. Use ` +
        'functionalCallWithState, and drawNoise.',
    );
  }
  return output;
}

/**
 * As `functionalCall`, with the new values of buffers and the masks that the call asks for.
 *
 * @example
 * const { output, buffers, noise } = functionalCallWithState(network, values, x, { training: true });
 * const program = await runtime.compile({ ...buffers, loss: crossEntropy(output, labels) });
 * await state.step(program, { ...batch, ...drawNoise(noise, seed, step) });
 */
export function functionalCallWithState(
  network: AnyNetwork,
  parameters: Parameters,
  x: Value,
  { training = false, batchNorm = 'running' }: FunctionalCallOptions = {},
): FunctionalResult {
  const variable = (asked: Variable) => substitute(asked, parameters);
  const { scope, trace } = Scope.root({ training, batchNorm, variable });
  const output = forwardOf(network, scope, x);
  return { output, buffers: Object.fromEntries(trace.updates), noise: trace.noise };
}

function forwardOf(network: AnyNetwork, s: Scope, x: Value): Value {
  return typeof network === 'function' ? network(s, x) : network.forward(s, x);
}

function substitute({ name, kind, dtype, shape }: Variable, parameters: Parameters): Value {
  const value = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
  if (!value) {
    // Fails when it is run, and only if something depends on it.
    if (kind === 'buffer') return input(name, dtype, shape);
    const given = Object.keys(parameters);
    throw new UserError(
      `functionalCall: there is no value for the parameter ${name} (${typeOf({ dtype, shape })}).` +
        `${didYouMean(name, given)} Given: ${given.join(', ') || 'none'}.`,
    );
  }
  if (typeOf(value) !== typeOf({ dtype, shape })) {
    throw new ShapeError({
      op: 'functionalCall',
      expected: typeOf({ dtype, shape }),
      received: typeOf(value),
      path: name,
    });
  }
  return value;
}

export interface InitialOptions {
  /** Default 0. Each parameter has a random stream of its own, so another head changes nothing in the body. */
  readonly seed?: number;
}

/**
 * First values for the parameters of a network, by name, as its layers initialise them. `x` is the type of a batch (n,
 * …); the size of the batch does not matter.
 *
 * @example const weights = initialParameters(network, { dtype: 'f32', shape: [1, 3, 32, 32] }, { seed: 1 });
 */
export function initialParameters(
  network: AnyNetwork,
  x: TensorType,
  { seed = 0 }: InitialOptions = {},
): Record<string, Tensor> {
  return initialise(ofKind('parameter', network, x), seed);
}

/** First values for a network's buffers, by name: running statistics. */
export function initialBuffers(network: AnyNetwork, x: TensorType): Record<string, Tensor> {
  return initialise(ofKind('buffer', network, x), 0);
}

function ofKind(kind: Variable['kind'], network: AnyNetwork, { dtype, shape }: TensorType): Variable[] {
  const { scope, trace } = Scope.root({ training: false });
  forwardOf(network, scope, input('batch/input', dtype, shape));
  return [...trace.variables.values()].filter((variable) => variable.kind === kind);
}
