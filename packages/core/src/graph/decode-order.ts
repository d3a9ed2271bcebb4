import { UserError } from '../base/errors.ts';
import { quote } from '../base/quote.ts';
import { type DecodedNode, type DecodedSlot, describeNode } from './decoded.ts';

/**
 * The nodes, each after those it depends on, else in the file's order. ONNX requires that; not every exporter does it.
 * @throws UserError where a value is produced twice or by no node, or where nodes depend on each other in a circle.
 */
export function inOrder(
  nodes: readonly DecodedNode[],
  given: readonly string[],
  outputs: readonly DecodedSlot[],
): DecodedNode[] {
  const makers = new Map<string, DecodedNode | null>(given.map((name) => [name, null]));
  if (makers.size !== given.length) throw new UserError('ONNX: two inputs have the same name.');
  for (const node of nodes) {
    for (const name of node.outputs) {
      if (name === '') continue;
      if (makers.has(name)) throw new UserError(`ONNX: the value ${quote(name)} is produced twice.`);
      makers.set(name, node);
    }
  }
  const maker = (name: string, whose: () => string) => {
    const found = makers.get(name);
    if (found === undefined) throw new UserError(`ONNX: ${whose()} is ${quote(name)}, which no node produces.`);
    return found;
  };
  for (const { name } of outputs) maker(name, () => 'an output');

  const ordered: DecodedNode[] = [];
  const state = new Map<DecodedNode, 'open' | 'done'>();
  // An explicit stack, for a chain of nodes can be deeper than the call stack.
  const stack: { node: DecodedNode; next: number }[] = [];
  const visit = (node: DecodedNode) => {
    if (state.get(node) === 'done') return;
    if (state.get(node) === 'open') throw new UserError(`ONNX: the ${describeNode(node)} depends on itself.`);
    state.set(node, 'open');
    stack.push({ node, next: 0 });
  };
  for (const root of nodes) {
    visit(root);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const { node } = top;
      const name = node.inputs[top.next++];
      if (name === undefined) {
        state.set(node, 'done');
        ordered.push(stack.pop()!.node);
      } else if (name !== '') {
        const source = maker(name, () => `an input of the ${describeNode(node)}`);
        if (source) visit(source);
      }
    }
  }
  return ordered;
}
