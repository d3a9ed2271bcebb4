import type { OnnxModel } from './onnx-model.ts';

/** The model with only these outputs, in the order in which it has them, and without the nodes of the others. */
export function withOutputs(model: OnnxModel, names: readonly string[]): OnnxModel {
  const outputs = model.outputs.filter(({ name }) => names.includes(name));
  const used = new Set(outputs.map(({ name }) => name));
  const nodes = model.nodes.toReversed().filter((node) => {
    const isUsed = node.outputs.some((name) => used.has(name));
    if (isUsed) for (const name of node.inputs) used.add(name);
    return isUsed;
  });
  const initializers = new Map([...model.initializers].filter(([name]) => used.has(name)));
  return { ...model, nodes: nodes.toReversed(), initializers, outputs };
}
