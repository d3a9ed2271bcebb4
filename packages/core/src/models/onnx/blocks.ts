import type { DecodedNode } from '../../graph/index.ts';
import type { FileGraph } from './file-graph.ts';
import { NameRegister } from './names.ts';
import type { ParameterPlan } from './parameters.ts';

/** The end of a block: after the node, all that follows depends on this value alone. */
export interface BlockEnd {
  readonly value: string;
  readonly name: string;
}

/** Operators that belong to the layer before them, where nothing else takes its result. */
const following =
  /^(BatchNormalization|Dropout|Identity|Cast|Relu|LeakyRelu|PRelu|Elu|Selu|Celu|Clip|HardSigmoid|HardSwish|Sigmoid|Tanh|Softplus|Softsign|Mish|Gelu|Erf|Add|Sub|Mul|Div|Pow|Sqrt|Exp|Log|Neg|Abs|Min|Max)$/;

/**
 * Divides the backbone where every path goes through one value: between two such places stands a unit that can be frozen
 * by itself. A batch norm or an activation stays with the layer before it. A block is called by what its parameters'
 * paths have in common (`layer1.0`), if no other block has it, else by its first layer.
 */
export function findBlocks(
  graph: FileGraph,
  backbone: readonly DecodedNode[],
  features: string,
  plan: ParameterPlan,
): Map<DecodedNode, BlockEnd> {
  const lastUse = new Map<string, number>([[features, backbone.length]]);
  backbone.forEach(({ operator, inputs }, i) => {
    if (operator === 'Shape' || operator === 'Size') return;
    for (const name of inputs) {
      if (graph.activations.has(name) && name !== features) lastUse.set(name, i);
    }
  });
  const ends: { node: DecodedNode; value: string; paths: string[] }[] = [];
  const live = new Set<string>();
  let paths: string[] = [];
  backbone.forEach((node, i) => {
    const layer = plan.layers.get(node);
    const names = [...(plan.parameters.get(node)?.values() ?? [])].map(({ name }) => pathOf(name));
    paths.push(...names, ...(layer !== undefined && node.operator === 'BatchNormalization' ? [layer] : []));
    for (const name of node.inputs) if ((lastUse.get(name) ?? -1) <= i) live.delete(name);
    for (const name of node.outputs) if ((lastUse.get(name) ?? -1) > i) live.add(name);
    const [value] = live;
    if (value === undefined || live.size !== 1 || paths.length === 0) return;
    if (value !== features && staysWithLayer(graph, value)) return;
    ends.push({ node, value, paths });
    paths = [];
  });
  return named(ends);
}

function staysWithLayer({ takers }: FileGraph, value: string): boolean {
  const users = (takers.get(value) ?? []).filter(({ operator }) => operator !== 'Shape' && operator !== 'Size');
  if (!users.every(({ operator }) => following.test(operator))) return false;
  // With several users it is an activation that is written out (x · sigmoid(x)), unless one of them is a layer.
  return users.length === 1 || users.every(({ operator }) => operator !== 'BatchNormalization');
}

function pathOf(parameter: string): string {
  const dot = parameter.lastIndexOf('.');
  return dot < 0 ? parameter : parameter.slice(0, dot);
}

function named(ends: readonly { node: DecodedNode; value: string; paths: string[] }[]): Map<DecodedNode, BlockEnd> {
  // The number of blocks with parameters under each path: a block's name must be its own.
  const blocksUnder = new Map<string, number>();
  for (const { paths } of ends) {
    for (const prefix of new Set(paths.flatMap(prefixes))) blocksUnder.set(prefix, (blocksUnder.get(prefix) ?? 0) + 1);
  }
  const names = new NameRegister();
  for (const own of ['logits', 'head']) names.fresh(own);
  const result = new Map<DecodedNode, BlockEnd>();
  for (const { node, value, paths } of ends) {
    const shared = commonPrefix(paths);
    const telling = shared !== '' && blocksUnder.get(shared) === 1 ? shared : paths[0]!;
    result.set(node, { value, name: names.fresh(telling) });
  }
  return result;
}

function prefixes(path: string): string[] {
  const parts = path.split('.');
  // A name of two hundred dots would be a hundred texts; those of networks have ten parts.
  return parts.slice(0, 20).map((_, i) => parts.slice(0, i + 1).join('.'));
}

function commonPrefix(paths: readonly string[]): string {
  const [first = '', ...others] = paths;
  const shared = prefixes(first).filter((prefix) =>
    others.every((path) => path === prefix || path.startsWith(`${prefix}.`)),
  );
  return shared.at(-1) ?? '';
}
