import type { DecodedNode } from '../graph/index.ts';
import type { ActivationRanges } from './calibrate.ts';
import { clipping, hasWeights, isWithinClip, layerName, moving, takesIntegers } from './integer-operators.ts';
import type { WeightBits } from './names.ts';
import type { OnnxModel, OnnxTensor } from './onnx-model.ts';
import {
  FreshNames,
  f32Tensor,
  floatsOf,
  integerAttribute,
  makersOf,
  numberOf,
  onlyConsumerIn,
  onnxNode,
  u8Tensor,
  withoutUnused,
} from './onnx-numbers.ts';
import {
  type ActivationScale,
  leastScalesFor,
  meanErrors,
  quantiseBias,
  quantiseWeights,
  scaleOf,
} from './quantise-weights.ts';
import { withIntegerOperators } from './with-integer-operators.ts';

export interface QuantiseOptions {
  /**
   * Bits of a weight. Without VNNI (before Ice Lake and Zen 4), ONNX Runtime adds pairs of products of an 8-bit activation
   * and an 8-bit weight in 16 bits, and clips: 2 · 255 · 127 is beyond 2¹⁵ - 1.
   *
   * - `auto` (default): 8 bits, of which neighbours of one sign never add up to more than 128, so that no pair is clipped.
   *   Neighbours are those that its kernels pair: input channels of one pixel of the window, one after the other. Depthwise
   *   convolutions are computed without pairs.
   * - 7: no two weights of a channel add up to more, whichever are paired: each has 7 bits, or more where one stands out.
   * - 8: for files that only run on machines with VNNI, or on Arm.
   */
  readonly weightBits?: WeightBits | undefined;
  /** Layers that stay in f32, by the names of `quantisableLayers`. */
  readonly keep?: ReadonlySet<string> | undefined;
}

/**
 * The model with 8-bit numbers where ONNX Runtime has kernels for them: QuantizeLinear and DequantizeLinear around each
 * such operator, which a session fuses into it. Activations are u8, with a scale and a zero point for each; weights i8,
 * symmetric, with a scale for each output channel; biases i32, less the mean of what rounding the weights adds to each
 * channel (bias correction, Nagel et al. 2019). A ReLU whose input is quantised is left out: the range
 * ends at zero. Outputs of the model, softmax, layer norms and products of two activations stay f32.
 *
 * @param model from `foldBatchNorms`, as it was calibrated
 * @param ranges from `calibrate`
 */
export function quantise(model: OnnxModel, ranges: ActivationRanges, options: QuantiseOptions = {}): OnnxModel {
  const ranged = withIntegerOperators({ model, ranges });
  return new Quantiser(ranged.model, ranged.ranges, options).quantised();
}

/** The names of the layers that `quantise` makes integer ones, in the order in which they are computed. */
export function quantisableLayers(model: OnnxModel, ranges: ActivationRanges): string[] {
  const ranged = withIntegerOperators({ model, ranges });
  const { nodes } = planOf(ranged.model, ranged.ranges, new Set());
  const { initializers } = ranged.model;
  return ranged.model.nodes.filter((node) => nodes.has(node) && hasWeights(node, initializers)).map(layerName);
}

/** A quantised value: its integers, and the names of its scale and zero point. */
interface QuantisedValue extends ActivationScale {
  readonly integers: string;
  readonly scaleName: string;
  readonly zeroName: string;
}

/** Nodes that run on integers, and the values that are quantised for them. */
interface IntegerPlan {
  readonly nodes: ReadonlySet<DecodedNode>;
  readonly values: ReadonlySet<string>;
}

function planOf(model: OnnxModel, ranges: ActivationRanges, keep: ReadonlySet<string>): IntegerPlan {
  const { nodes, initializers, outputs } = model;
  const results = new Set(outputs.map(({ name }) => name));
  const isRanged = ({ inputs, outputs: made }: DecodedNode) => {
    const read = inputs.filter((name) => name !== '' && !initializers.has(name));
    return [...read, ...made].every((name) => ranges.has(name)) && !read.some((name) => results.has(name));
  };
  const available = new Set<string>();
  const candidates = nodes.filter((node) => {
    const isWeighted = hasWeights(node, initializers);
    const isCandidate =
      isRanged(node) && (isWeighted ? !keep.has(layerName(node)) : takesIntegers(node, available, initializers));
    if (isCandidate) available.add(node.outputs[0]!);
    return isCandidate;
  });
  // Without weights a node is only worth it on the way to one that has some. Readers come first here.
  const chosen = new Set<DecodedNode>();
  const wanted = new Set<string>();
  for (const node of candidates.toReversed()) {
    if (!hasWeights(node, initializers) && !wanted.has(node.outputs[0]!)) continue;
    chosen.add(node);
    for (const name of node.inputs) if (name !== '' && !initializers.has(name)) wanted.add(name);
  }
  // A convolution on integers has no other output; a product of matrices gives f32 where that is read.
  for (const { operator, outputs: made } of chosen) if (operator === 'Conv') wanted.add(made[0]!);
  return { nodes: chosen, values: new Set([...wanted].filter((name) => !results.has(name))) };
}

class Quantiser {
  readonly #model: OnnxModel;
  readonly #ranges: ActivationRanges;
  readonly #weightBits: WeightBits;
  readonly #plan: IntegerPlan;
  readonly #names: FreshNames;
  readonly #nodes: DecodedNode[] = [];
  readonly #initializers: Map<string, OnnxTensor>;
  /** The names of the values that are quantised. */
  readonly #quantisedNames: Set<string>;
  readonly #scales = new Map<string, Omit<QuantisedValue, 'integers'>>();
  readonly #values = new Map<string, QuantisedValue>();
  readonly #floats = new Map<string, string>();
  /** The value whose scale another one has, because it is read by that value's concatenation alone. */
  readonly #scaleFrom: ReadonlyMap<string, string>;
  /** The outputs of nodes after which a ReLU is left out, with the name of the ReLU's output. */
  readonly #clippedAs: ReadonlyMap<string, string>;

  constructor(model: OnnxModel, ranges: ActivationRanges, options: QuantiseOptions) {
    this.#model = model;
    this.#ranges = ranges;
    this.#weightBits = options.weightBits ?? 'auto';
    this.#plan = planOf(model, ranges, options.keep ?? new Set());
    this.#quantisedNames = new Set(this.#plan.values);
    this.#names = new FreshNames(model);
    this.#initializers = new Map(model.initializers);
    this.#scaleFrom = this.#concatenated();
    this.#clippedAs = this.#clipped();
    for (const name of this.#clippedAs.values()) this.#quantisedNames.add(name);
  }

  quantised(): OnnxModel {
    const { inputs, nodes } = this.#model;
    for (const { name } of inputs) if (this.#quantisedNames.has(name)) this.#quantise(name);
    const leftOut = new Set(this.#clippedAs.values());
    for (const node of nodes) if (!leftOut.has(node.outputs[0]!)) this.#add(node);
    return withoutUnused({ ...this.#model, nodes: this.#nodes, initializers: this.#initializers });
  }

  #add(node: DecodedNode): void {
    const [x = ''] = node.inputs;
    const output = this.#clippedAs.get(node.outputs[0]!) ?? node.outputs[0]!;
    const isInteger = this.#plan.nodes.has(node);
    const factor = isInteger ? positiveFactor(node, this.#initializers) : undefined;
    if (factor !== undefined && this.#quantisedNames.has(output)) {
      this.#rescale(factor.x, output, factor.value);
      return;
    }
    const isWeighted = isInteger && hasWeights(node, this.#initializers);
    const isKept = !isInteger && hasWeights(node, this.#initializers);
    const read = node.inputs.map((name) => (isKept ? this.#keptInput(name) : this.#floats.get(name)) ?? name);
    const isSum = isInteger && (node.operator === 'Add' || node.operator === 'Mul');
    const inputs = isWeighted
      ? [read[0]!, ...this.#weightsOf(node)]
      : read.map((name) => (isSum ? this.#constantFor(name) : name));
    this.#nodes.push({ ...node, inputs, outputs: [output, ...node.outputs.slice(1)] });
    if (!this.#quantisedNames.has(output)) return;
    const isMoved = isInteger && moving.has(node.operator);
    this.#quantise(output, isMoved ? this.#values.get(x) : undefined);
  }

  /** QuantizeLinear and DequantizeLinear after a value, at its own scale or that of another value. */
  #quantise(name: string, like?: QuantisedValue): void {
    const own = like ?? this.#scaleOf(name);
    const integers = this.#names.take(`${name}_quantized`);
    this.#nodes.push(onnxNode('QuantizeLinear', [name, own.scaleName, own.zeroName], integers));
    this.#dequantise(name, { ...own, integers });
  }

  #dequantise(name: string, value: QuantisedValue): void {
    const floats = this.#names.take(`${name}_dequantized`);
    this.#nodes.push(onnxNode('DequantizeLinear', [value.integers, value.scaleName, value.zeroName], floats));
    this.#values.set(name, value);
    this.#floats.set(name, floats);
  }

  /**
   * A quantised value for a layer that stays in f32, dequantised channel by channel, at the one scale that all have: after
   * a plain DequantizeLinear a session quantises the weights by itself (WeightBiasQuantization of ONNX Runtime).
   */
  #keptInput(name: string): string | undefined {
    const value = this.#values.get(name);
    const channels = this.#ranges.get(name)?.shape[1];
    if (!value || channels === undefined) return undefined;
    const inputs = [
      value.integers,
      this.#constant(`${name}_scales`, f32Tensor([channels], new Float32Array(channels).fill(value.scale))),
      this.#constant(`${name}_zero_points`, u8Tensor([channels], new Uint8Array(channels).fill(value.zeroPoint))),
    ];
    const output = this.#names.take(`${name}_for_f32`);
    this.#nodes.push(onnxNode('DequantizeLinear', inputs, output, { axis: { kind: 'int', value: 1 } }));
    return output;
  }

  /** A product with a positive number: the same integers at another scale. */
  #rescale(x: string, output: string, factor: number): void {
    const value = this.#values.get(x)!;
    const scale = Math.fround(value.scale * factor);
    const scaleName = this.#constant(`${output}_scale`, f32Tensor([], Float32Array.of(scale)));
    this.#dequantise(output, { ...value, scale, scaleName });
  }

  #scaleOf(name: string): Omit<QuantisedValue, 'integers'> {
    const root = this.#rootOf(name);
    const known = this.#scales.get(root);
    if (known) return known;
    const { scale, zeroPoint } = scaleOf(this.#ranges.get(root)!);
    const made = {
      scale,
      zeroPoint,
      scaleName: this.#constant(`${root}_scale`, f32Tensor([], Float32Array.of(scale))),
      zeroName: this.#constant(`${root}_zero_point`, u8Tensor([], Uint8Array.of(zeroPoint))),
    };
    this.#scales.set(root, made);
    return made;
  }

  #rootOf(name: string): string {
    const next = this.#scaleFrom.get(name);
    return next === undefined ? name : this.#rootOf(next);
  }

  #constant(name: string, tensor: OnnxTensor): string {
    const fresh = this.#names.take(name);
    this.#initializers.set(fresh, tensor);
    return fresh;
  }

  /** Weights and bias of a node as integers: the names of the f32 values that they stand for. */
  #weightsOf(node: DecodedNode): string[] {
    const [x = '', weightName = '', biasName] = node.inputs;
    const weight = this.#model.initializers.get(weightName)!;
    const biasTensor = biasName ? this.#model.initializers.get(biasName)! : undefined;
    const axis = node.operator === 'Conv' || integerAttribute(node, 'transB', 0) === 1 ? 0 : 1;
    const inputScale = this.#values.get(x)!.scale;
    const bias = biasTensor && floatsOf(biasTensor);
    const least = bias ? leastScalesFor(bias, inputScale) : [];
    const channels = this.#ranges.get(x)?.channels;
    const options = {
      bits: this.#weightBits,
      leastScales: least,
      importance: channels?.meanSquare,
      isDepthwise: isDepthwise(node, weight),
    };
    const rounded = quantiseWeights(weight, axis, options);
    const dequantised = [this.#dequantisedConstant(weightName, rounded.weights, rounded.scales, axis, 'i8')];
    const errors = channels ? meanErrors(weight, axis, rounded, channels.mean) : undefined;
    const corrected = errors ? Float32Array.from(errors, (error, c) => (bias?.[c] ?? 0) - error) : bias;
    if (corrected) {
      const quantised = quantiseBias(corrected, rounded.scales, inputScale);
      const name = biasName ?? `${weightName}_bias`;
      dequantised.push(this.#dequantisedConstant(name, quantised.bias, quantised.scales, 0, 'i32'));
    }
    return dequantised;
  }

  #dequantisedConstant(
    name: string,
    integers: OnnxTensor,
    scales: Float32Array,
    axis: number,
    dtype: 'i8' | 'i32',
  ): string {
    const zeros = new Uint8Array(scales.length * (dtype === 'i8' ? 1 : 4));
    const inputs = [
      this.#constant(`${name}_quantized`, integers),
      this.#constant(`${name}_scale`, f32Tensor([scales.length], scales)),
      this.#constant(`${name}_zero_point`, { dtype, shape: [scales.length], bytes: zeros }),
    ];
    const output = this.#names.take(`${name}_dequantized`);
    this.#nodes.push(onnxNode('DequantizeLinear', inputs, output, { axis: { kind: 'int', value: axis } }));
    return output;
  }

  /** A constant of one number beside a quantised activation, as an 8-bit one; other inputs as they are. */
  #constantFor(name: string): string {
    const tensor = this.#model.initializers.get(name);
    const value = numberOf(tensor);
    if (!tensor || value === undefined) return name;
    const scale = Math.abs(value) / 255 || 1;
    const { shape } = tensor;
    const inputs = [
      this.#constant(`${name}_quantized`, u8Tensor(shape, Uint8Array.of(value > 0 ? 255 : 0))),
      this.#constant(`${name}_scale`, f32Tensor([], Float32Array.of(scale))),
      this.#constant(`${name}_zero_point`, u8Tensor([], Uint8Array.of(value < 0 ? 255 : 0))),
    ];
    const output = this.#names.take(`${name}_dequantized`);
    this.#nodes.push(onnxNode('DequantizeLinear', inputs, output));
    return output;
  }

  /**
   * What is concatenated is quantised at the scale of the whole where nothing else reads it, so that it is copied, and
   * rounded once. Only where both ranges begin at the same number, which a ReLU before it counts on.
   */
  #concatenated(): Map<string, string> {
    const { nodes } = this.#model;
    const onlyConsumer = onlyConsumerIn(this.#model);
    const makers = makersOf(this.#model);
    const from = new Map<string, string>();
    for (const node of nodes) {
      if (node.operator !== 'Concat' || !this.#plan.nodes.has(node)) continue;
      const whole = node.outputs[0]!;
      for (const name of node.inputs) {
        const maker = makers.get(name);
        const isOnlyRead = onlyConsumer(name) === node;
        const hasOwnScale = maker && this.#plan.nodes.has(maker) && !moving.has(maker.operator);
        const lowest = (value: string) => Math.min(0, this.#ranges.get(value)!.minimum);
        if (isOnlyRead && hasOwnScale && lowest(name) === lowest(whole)) from.set(name, whole);
      }
    }
    return from;
  }

  /** The nodes whose output a ReLU alone reads, where the range of its output clips as it does. */
  #clipped(): Map<string, string> {
    const { nodes, initializers, outputs } = this.#model;
    const onlyConsumer = onlyConsumerIn(this.#model);
    const makers = makersOf(this.#model);
    const results = new Set(outputs.map(({ name }) => name));
    const clipped = new Map<string, string>();
    for (const node of nodes) {
      const [x = ''] = node.inputs;
      const output = node.outputs[0]!;
      const maker = makers.get(x);
      const isAlone = onlyConsumer(x) === node && !results.has(output);
      if (!clipping.has(node.operator) || !maker || !this.#plan.nodes.has(maker) || !isAlone) continue;
      // Only an output that is quantised at a scale of its own clips; that of a convolution always is.
      const hasOwnScale =
        !clipping.has(maker.operator) && !moving.has(maker.operator) && !positiveFactor(maker, initializers);
      if (!hasOwnScale || !(this.#plan.values.has(output) || maker.operator === 'Conv')) continue;
      const { scale, zeroPoint } = scaleOf(this.#ranges.get(this.#rootOf(output))!);
      const ends = { lowest: -zeroPoint * scale, highest: (255 - zeroPoint) * scale };
      if (isWithinClip(node, initializers, ends)) clipped.set(x, output);
    }
    return clipped;
  }
}

function isDepthwise(node: DecodedNode, { shape }: OnnxTensor): boolean {
  return node.operator === 'Conv' && shape[1] === 1 && integerAttribute(node, 'group', 1) === shape[0];
}

/** The product of a quantised value and a positive constant that a node computes. */
function positiveFactor(
  { operator, inputs }: DecodedNode,
  initializers: ReadonlyMap<string, OnnxTensor>,
): { readonly x: string; readonly value: number } | undefined {
  if (operator !== 'Mul') return undefined;
  const values = inputs.map((name) => numberOf(initializers.get(name)));
  const at = values.findIndex((value) => value !== undefined);
  const value = values[at];
  return value === undefined || value <= 0 ? undefined : { x: inputs[1 - at]!, value };
}
