import { type Tensor, type Tensors, zeros } from '../../base/tensor.ts';
import type { DecodedNode } from '../../graph/index.ts';
import { filled, type Initialiser, normal, pytorchDefault } from '../../nn/index.ts';
import type { FileGraph } from './file-graph.ts';
import type { FileHead } from './head.ts';
import { isTelling, layerOfBias, layerOfNode, layerOfWeight, NameRegister, safeName } from './names.ts';

/** Numbers of the file that are learned. */
export interface Parameter {
  readonly name: string;
  readonly tensor: Tensor;
  /** The initialiser, for training from scratch. */
  readonly initialise: Initialiser;
}

/** The numbers of a file that are learned, and their names. All others stay as they are. */
export interface ParameterPlan {
  /** Parameters by node and index of the input. */
  readonly parameters: ReadonlyMap<DecodedNode, ReadonlyMap<number, Parameter>>;
  /** The paths of batch norms and dropouts: layers that have more state than the numbers of their inputs. */
  readonly layers: ReadonlyMap<DecodedNode, string>;
  readonly headPath: string;
  /**
   * The number of layers whose weights the file computes from others (weight standardisation): they are not learned.
   */
  readonly computedWeights: number;
  /** The file's numbers for all of them, batch norms' statistics and the head included. */
  readonly tensors: Tensors;
}

/** Inputs that are weights by what the operator means. */
const layerInputs: Readonly<Record<string, { readonly weights: readonly number[]; readonly bias?: number }>> = {
  Conv: { weights: [1], bias: 2 },
  Gemm: { weights: [1, 0], bias: 2 },
  MatMul: { weights: [1, 0] },
  PRelu: { weights: [1] },
  InstanceNormalization: { weights: [1], bias: 2 },
  LayerNormalization: { weights: [1], bias: 2 },
  GroupNormalization: { weights: [1], bias: 2 },
};
/** Normalisations have scales of their own, even where an exporter stores equal ones once. */
const normalisations = /Normalization$/;
/** Operators that only move the numbers of their first input: a weight may come through them. */
const moving =
  /^(Identity|Cast|Transpose|Reshape|Flatten|Squeeze|Unsqueeze|Expand|Slice|Split|Gather|GatherND|Resize|Upsample)$/;

type Role = 'weight' | 'bias';

/** Finds the learned numbers in the nodes of the backbone, and gives them names. */
export function planParameters(graph: FileGraph, backbone: readonly DecodedNode[], head: FileHead): ParameterPlan {
  const planner = new Planner(graph);
  for (const node of backbone) planner.visit(node);
  return planner.finish(head);
}

class Planner {
  readonly #graph: FileGraph;
  readonly #register = new NameRegister();
  readonly #parameters = new Map<DecodedNode, Map<number, Parameter>>();
  readonly #layers = new Map<DecodedNode, string>();
  readonly #tensors: Record<string, Tensor> = {};
  /** Weights that several layers share. */
  readonly #shared = new Map<string, Parameter>();
  /** Values behind the first learned layer: what is added to images before that is their normalisation. */
  readonly #learned = new Set<string>();
  readonly #counts = new Map<string, number>();
  #computedWeights = 0;

  constructor(graph: FileGraph) {
    this.#graph = graph;
  }

  visit(node: DecodedNode): void {
    const { operator, inputs } = node;
    if (operator === 'BatchNormalization') this.#batchNorm(node);
    else if (operator === 'Dropout')
      this.#layers.set(node, this.#register.fresh(layerOfNode(node) ?? this.#count(node)));
    else if (Object.hasOwn(layerInputs, operator)) this.#layer(node);
    else if (/^(Add|Sub|Mul|Div)$/.test(operator)) this.#arithmetic(node);
    else if (operator === 'Concat' && inputs.some((name) => this.#learned.has(name))) {
      inputs.forEach((_, i) => {
        this.#free(node, i, 'bias');
      });
    }
    if (this.#parameters.has(node) || this.#layers.has(node) || inputs.some((name) => this.#learned.has(name))) {
      for (const name of node.outputs) this.#learned.add(name);
    }
  }

  finish(head: FileHead): ParameterPlan {
    const free = (path: string) => !Object.keys(this.#tensors).some((name) => name.startsWith(`${path}.`));
    const found = this.#candidates(head.node, head.weightName, head.biasName).find(free);
    const headPath = found ?? this.#register.fresh('classifier_head');
    this.#tensors[`${headPath}.weight`] = head.weight;
    this.#tensors[`${headPath}.bias`] = head.bias;
    return {
      parameters: this.#parameters,
      layers: this.#layers,
      headPath,
      computedWeights: this.#computedWeights,
      tensors: this.#tensors,
    };
  }

  /** A batch norm whose numbers are all in the file. */
  #batchNorm(node: DecodedNode): void {
    const names = ['weight', 'bias', 'running_mean', 'running_var'];
    const tensors = names.map((_, i) => this.#graph.constant(node.inputs[i + 1] ?? ''));
    if (tensors.some((value) => value?.dtype !== 'f32')) return;
    const path = this.#layerPath(node, node.inputs[1], node.inputs[2]);
    this.#layers.set(node, path);
    tensors.forEach((value, i) => {
      this.#tensors[`${path}.${names[i]}`] = value!;
    });
    this.#tensors[`${path}.num_batches_tracked`] = zeros('i64', []);
  }

  #layer(node: DecodedNode): void {
    const { weights, bias } = layerInputs[node.operator]!;
    const index = weights.find((i) => this.#source(node, i));
    if (index === undefined) {
      const computed = /^(Conv|Gemm|MatMul)$/.test(node.operator) && !this.#graph.activations.has(node.inputs[1] ?? '');
      if (computed) this.#computedWeights++;
      return;
    }
    const weightName = this.#source(node, index)!.name;
    const shiftAt = bias === undefined ? undefined : node.inputs[bias];
    const shared = normalisations.test(node.operator) ? undefined : this.#shared.get(weightName);
    const sum = bias === undefined ? this.#sumAfter(node) : undefined;
    const path = shared
      ? layerOfWeight(shared.name)
      : this.#layerPath(node, weightName, shiftAt ?? sum?.node.inputs[sum.index]);
    this.#learn(node, index, `${path}.weight`, 'weight', shared);
    if (shiftAt && bias !== undefined) this.#learn(node, bias, `${path}.bias`, 'bias', undefined);
    if (sum && !shared) this.#learn(sum.node, sum.index, `${path}.bias`, 'bias', undefined);
  }

  /** The Add of a bias that follows a product and nothing else does. */
  #sumAfter(node: DecodedNode): { node: DecodedNode; index: number } | undefined {
    const [output = ''] = node.outputs;
    const takers = this.#graph.takers.get(output) ?? [];
    const [taker] = takers;
    if (node.operator !== 'MatMul' || takers.length !== 1 || taker?.operator !== 'Add') return undefined;
    const index = taker.inputs.findIndex((name) => name !== output);
    const values = this.#graph.constant(taker.inputs[index] ?? '');
    return values?.dtype === 'f32' && values.shape.length === 1 ? { node: taker, index } : undefined;
  }

  /** A scale, a shift, a position embedding: numbers of their own, behind the first layer. */
  #arithmetic(node: DecodedNode): void {
    if (this.#parameters.has(node)) return;
    const role = /^(Add|Sub)$/.test(node.operator) ? 'bias' : 'weight';
    const index = node.inputs.findIndex((name) => this.#learned.has(name));
    if (index >= 0) this.#free(node, 1 - index, role);
  }

  #free(node: DecodedNode, index: number, role: Role): void {
    const source = this.#source(node, index);
    if (!source || source.tensor.data.length < 2 || isMask(source.tensor)) return;
    const telling = isTelling(source.name) ? safeName(source.name) : `${this.#fallback(node)}.${role}`;
    this.#learn(node, index, telling, role, this.#shared.get(source.name));
  }

  /** The float constant behind an input, through nodes that only move its numbers. */
  #source(
    node: DecodedNode,
    index: number,
  ): { node: DecodedNode; index: number; name: string; tensor: Tensor } | undefined {
    let at = { node, index };
    for (let steps = 0; steps < 100; steps++) {
      const name = at.node.inputs[at.index] ?? '';
      const tensor = this.#graph.constant(name);
      if (tensor) return tensor.dtype === 'f32' ? { ...at, name, tensor } : undefined;
      const maker = this.#graph.makers.get(name);
      if (!maker || !moving.test(maker.operator)) return undefined;
      at = { node: maker, index: 0 };
    }
    return undefined;
  }

  #learn(node: DecodedNode, index: number, name: string, role: Role, shared: Parameter | undefined): void {
    const source = this.#source(node, index);
    if (!source) return;
    if (!this.#parameters.has(node)) this.#parameters.set(node, new Map());
    if (this.#parameters.get(source.node)?.has(source.index)) return;
    const { tensor } = source;
    const parameter = shared ?? { name: this.#register.fresh(name), tensor, initialise: initialiser(role, tensor) };
    if (!shared) this.#tensors[parameter.name] = tensor;
    if (role === 'weight' || isTelling(source.name)) this.#shared.set(source.name, parameter);
    const slots = this.#parameters.get(source.node) ?? new Map<number, Parameter>();
    slots.set(source.index, parameter);
    this.#parameters.set(source.node, slots);
  }

  #layerPath(node: DecodedNode, weight: string | undefined, bias: string | undefined): string {
    const candidates = this.#candidates(node, weight, bias);
    return this.#register.fresh(candidates.find((path) => !this.#register.has(path)) ?? candidates[0]!);
  }

  #candidates(node: DecodedNode, weight = '', bias = ''): string[] {
    return [
      ...(isTelling(weight) ? [layerOfWeight(weight)] : []),
      ...(isTelling(bias) ? [layerOfBias(bias)] : []),
      this.#fallback(node),
    ];
  }

  #fallback(node: DecodedNode): string {
    const [output = ''] = node.outputs;
    return layerOfNode(node) ?? (isTelling(output) ? safeName(output) : this.#count(node));
  }

  #count({ operator }: DecodedNode): string {
    const count = (this.#counts.get(operator) ?? 0) + 1;
    this.#counts.set(operator, count);
    return `${safeName(operator.toLowerCase())}_${count}`;
  }
}

const masks = new WeakMap<Tensor, boolean>();

/**
 * True for a mask of attention, which has zeros and a very negative number, and for anything infinite: these are not
 * learned. Remembered for each tensor.
 */
function isMask(value: Tensor): boolean {
  const known = masks.get(value) ?? looksLikeMask(value);
  masks.set(value, known);
  return known;
}

function looksLikeMask({ data }: Tensor): boolean {
  const values = new Set<number>();
  for (const value of data) {
    if (!Number.isFinite(Number(value))) return true;
    if (values.size <= 2) values.add(Number(value));
  }
  return values.size === 2 && values.has(0) && Math.min(...values) <= -50;
}

function initialiser(role: Role, { shape }: Tensor): Initialiser {
  if (role === 'bias') return shape.length > 1 ? normal(0.02) : filled(0);
  return shape.length > 1 ? pytorchDefault : filled(1);
}
