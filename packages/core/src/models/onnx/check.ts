import { UserError } from '../../base/errors.ts';
import { formatType, type Shape, sizeOf } from '../../base/tensor.ts';
import { type DecodedNode, describeNode, input } from '../../graph/index.ts';
import { Scope } from '../../nn/index.ts';
import { sameShape } from '../../ops/index.ts';
import type { ImportedArchitecture } from './architecture.ts';
import type { FileGraph } from './file-graph.ts';

/**
 * Runs the network for shapes alone, in the batch of the file and with one image more. Every activation must grow by
 * that image: where one does not, the file drops images, or mixes them, in any batch but its own.
 *
 * @throws UserError where the file contradicts itself, or is for one batch only
 */
export function checkShapes(
  graph: FileGraph,
  { model, tensors, runBackbone }: ImportedArchitecture,
  { size, numClasses, batch }: { size: number; numClasses: number; batch: number },
): void {
  const inFile = new Map<DecodedNode, Shape>();
  for (const n of [batch, batch + 1]) {
    const { scope, trace } = Scope.root({ training: false });
    const features = runBackbone(scope, input('images', 'f32', [n, 3, size, size]), ({ node }, [output]) => {
      if (!output || !graph.activations.has(node.outputs[0] ?? '')) return;
      if (n === batch) inFile.set(node, output.shape);
      else expectGrown(node, inFile.get(node)!, output.shape, batch);
    });
    model.head(scope, features, numClasses);
    for (const variable of trace.variables.values()) {
      const found = tensors[variable.name];
      if (found && sameShape(found.shape, variable.shape)) continue;
      const received = found ? formatType(found) : 'nothing';
      throw new UserError(`ONNX: ${variable.name} should be ${formatType(variable)}, but the file has ${received}.`);
    }
  }
}

function expectGrown(node: DecodedNode, before: Shape, after: Shape, batch: number): void {
  if (sizeOf(after) * batch === sizeOf(before) * (batch + 1)) return;
  throw new UserError(
    `ONNX: the ${describeNode(node)} makes [${before}] of ${batch} and [${after}] of ${batch + 1} images: ` +
      `the file is for a batch of ${batch} alone. Export it with a dynamic batch.`,
  );
}
