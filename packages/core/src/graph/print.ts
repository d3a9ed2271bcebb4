import { type Attribute, constantTensor, inputName, reachable, typeOf, type Value } from './value.ts';

/**
 * A graph as text, one line a node in the order of computation:
 * `%3 = Conv2d(x, w) {strides: [1,1]} : f32[8,64,56,56]`.
 */
export function print(outputs: Readonly<Record<string, Value>>): string {
  const names = new Map<Value, string>();
  const lines: string[] = [];
  const parameters: string[] = [];
  for (const value of reachable(Object.values(outputs))) {
    const name = inputName(value) ?? `%${names.size}`;
    names.set(value, name);
    if (inputName(value) !== undefined) parameters.push(`${name} : ${typeOf(value)}`);
    else lines.push(`  ${name} = ${expression(value, names)} : ${typeOf(value)}`);
  }
  const results = Object.entries(outputs).map(([name, value]) => `${name} = ${names.get(value)}`);
  return `graph(${parameters.join(', ')}) {\n${lines.join('\n')}\n  return ${results.join(', ')}\n}`;
}

function expression(value: Value, names: ReadonlyMap<Value, string>): string {
  const tensor = constantTensor(value);
  if (tensor) return `Constant ${tensor.data.length <= 4 ? `[${[...tensor.data].join(', ')}]` : '[…]'}`;
  const attributes = Object.entries(value.attributes).map(([key, attribute]) => `${key}: ${format(attribute)}`);
  const operands = value.inputs.map((operand) => names.get(operand)).join(', ');
  return `${value.op.name}(${operands})${attributes.length > 0 ? ` {${attributes.join(', ')}}` : ''}`;
}

function format(attribute: Attribute): string {
  return Array.isArray(attribute) ? `[${attribute.join(',')}]` : String(attribute);
}
