import { input, inputName, reachable, type Value } from '@graft-ml/core/graph';
import type { Tensor, TensorType } from '@graft-ml/core/internal/base/tensor';
import { type Attributes, constant, constantTensor, makeValue } from '@graft-ml/core/internal/graph/index';
import { primitives } from '@graft-ml/core/internal/ops/index';

/** A graph that can be sent to a page. Operands are positions in `nodes`. */
export interface PackedGraph {
  readonly nodes: readonly PackedNode[];
  readonly outputs: Readonly<Record<string, number>>;
}

type PackedNode =
  | { readonly input: string; readonly type: TensorType }
  | { readonly constant: Tensor }
  | { readonly primitive: string; readonly operands: readonly number[]; readonly attributes: Attributes };

export function pack(outputs: Readonly<Record<string, Value>>): PackedGraph {
  const values = reachable(Object.values(outputs));
  const at = new Map(values.map((value, i) => [value, i]));
  const nodes = values.map((value): PackedNode => {
    const name = inputName(value);
    const tensor = constantTensor(value);
    if (name !== undefined) return { input: name, type: { dtype: value.dtype, shape: value.shape } };
    if (tensor) return { constant: tensor };
    const operands = value.inputs.map((operand) => at.get(operand)!);
    return { primitive: value.op.name, operands, attributes: value.attributes };
  });
  return { nodes, outputs: Object.fromEntries(Object.entries(outputs).map(([name, y]) => [name, at.get(y)!])) };
}

export function unpack({ nodes, outputs }: PackedGraph): Record<string, Value> {
  const values: Value[] = [];
  for (const node of nodes) {
    if ('input' in node) values.push(input(node.input, node.type.dtype, node.type.shape));
    else if ('constant' in node) values.push(constant(node.constant));
    else {
      const operands = node.operands.map((i) => values[i]!);
      values.push(makeValue(primitives().get(node.primitive)!, operands, node.attributes));
    }
  }
  return Object.fromEntries(Object.entries(outputs).map(([name, i]) => [name, values[i]!]));
}
