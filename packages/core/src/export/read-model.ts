import { UserError } from '../base/errors.ts';
import { quote } from '../base/quote.ts';
import type { Tensor } from '../base/tensor.ts';
import { toHalf } from '../base/to-half.ts';
import { asOnnxError, decode, readSlot } from '../graph/decode.ts';
import { decodeTensor } from '../graph/decode-tensor.ts';
import type { DecodedSlot } from '../graph/decoded.ts';
import { type Field, PartBudget, readMessage } from '../graph/protobuf.ts';
import {
  bytesOf,
  type OnnxModel,
  type OnnxSlot,
  type OnnxTensor,
  type OnnxType,
  onnxTensor,
  typeOfCode,
} from './onnx-model.ts';

/**
 * Reads an ONNX model as exports change it: initializers are bytes of the type that the file gives them, halves and i8
 * among them. Assumes a little-endian machine.
 *
 * @throws UserError where the bytes are no model, or one with what exports do not have: subgraphs, an input of open
 * rank, element types that `OnnxType` lacks
 */
export function readOnnxModel(bytes: Uint8Array): OnnxModel {
  const { opsets, metadata, nodes, initializers, inputs, outputs } = decode(bytes);
  const types = asOnnxError(() => storedTypes(bytes));
  for (const { operator, attributes } of nodes) {
    for (const [key, { kind }] of attributes) {
      if (kind === 'other') throw new UserError(`ONNX: the attribute ${quote(key)} of a ${operator} node is a graph.`);
    }
  }
  const stored = (name: string) => types.get(name) ?? fail(name, 'has no element type');
  return {
    opsets,
    metadata,
    nodes,
    initializers: new Map([...initializers].map(([name, value]) => [name, asStored(value, stored(name))])),
    inputs: inputs.map((slot) => asSlot(slot, stored(slot.name))),
    outputs: outputs.map((slot) => asSlot(slot, stored(slot.name))),
  };
}

/** The element types of initializers, inputs and outputs as the file has them: `decode` widens small ones. */
function storedTypes(bytes: Uint8Array): Map<string, OnnxType> {
  const types = new Map<string, OnnxType>();
  const budget = new PartBudget();
  readMessage(bytes, budget, {
    7: (graph) =>
      graph.message({
        1: (node) => node.message({ 5: (f) => f.message({ 5: (g) => assertUnchanged(g.bytes()) }) }),
        5: (f) => {
          let [name, code] = ['', 0];
          f.message({
            2: (g) => {
              code = g.integer();
            },
            8: (g) => {
              name = g.text();
            },
          });
          types.set(name, typeOfCode(code) ?? fail(name, `has element type ${code}, which exports do not have`));
        },
        11: (f) => readSlotType(f),
        12: (f) => readSlotType(f),
      }),
  });
  return types;

  function readSlotType(slot: Field): void {
    const { name, code } = readSlot(slot);
    types.set(name, typeOfCode(code) ?? fail(name, `has element type ${code}, which exports do not have`));
  }

  /** A tensor that is an attribute stays a `Tensor`, which has no halves. */
  function assertUnchanged(value: Uint8Array): void {
    const { name, tensor: decoded } = decodeTensor(value, budget);
    let code = 0;
    readMessage(value, budget, {
      2: (f) => {
        code = f.integer();
      },
    });
    if (typeOfCode(code) !== decoded.dtype) fail(name, `is an attribute of element type ${code}`);
  }
}

function asStored(value: Tensor, stored: OnnxType): OnnxTensor {
  const { dtype, shape } = value;
  if (dtype === 'f32' && stored === 'f16') return { dtype: stored, shape, bytes: bytesOf(toHalf(value.data)) };
  if (dtype === 'i32' && stored === 'i8') return { dtype: stored, shape, bytes: bytesOf(Int8Array.from(value.data)) };
  return onnxTensor(value);
}

function asSlot({ name, shape }: DecodedSlot, dtype: OnnxType): OnnxSlot {
  if (!shape) fail(name, 'has an open rank');
  return { name, dtype, shape: shape.map((size, axis) => size ?? `${name}_${axis}`) };
}

function fail(name: string, what: string): never {
  throw new UserError(`ONNX: ${quote(name)} ${what}.`);
}
