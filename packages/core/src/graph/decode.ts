import { UserError } from '../base/errors.ts';
import { quote } from '../base/quote.ts';
import type { Tensor } from '../base/tensor.ts';
import { inOrder } from './decode-order.ts';
import { decodeTensor, elementType } from './decode-tensor.ts';
import type { DecodedAttribute, DecodedModel, DecodedNode, DecodedSlot } from './decoded.ts';
import { type Field, PartBudget, readMessage } from './protobuf.ts';

/**
 * Reads an ONNX model (ModelProto of onnx.proto), of any opset and with any operators. Nothing in the bytes is trusted:
 * every length is checked against the bytes that are there, each value has one node that produces it, and every node
 * comes after those of its inputs. Data in other files is refused: `withExternalData` puts it in first. Assumes a
 * little-endian machine.
 *
 * @throws UserError that says what does not hold, and for which node or tensor.
 */
export function decode(bytes: Uint8Array): DecodedModel {
  // A Buffer's slices are no copies; a plain array's are.
  return asOnnxError(() => decodeModel(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)));
}

/** Runs `work` on the bytes of a model. @throws UserError where they are not one */
export function asOnnxError<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    // A TypeError would be our own mistake; everything else is protobuf's way of saying that this is no message.
    if (error instanceof UserError || error instanceof TypeError || !(error instanceof Error)) throw error;
    throw new UserError(`ONNX: the file is damaged, or not an ONNX model: ${error.message}.`, { cause: error });
  }
}

function decodeModel(bytes: Uint8Array): DecodedModel {
  const budget = new PartBudget();
  const opsets = new Map<string, number>();
  const metadata: Record<string, string> = Object.create(null);
  const graph = new GraphParts();
  let producer = '';
  let irVersion = 0;
  let found = false;
  readMessage(bytes, budget, {
    1: (f) => {
      irVersion = f.integer();
    },
    2: (f) => {
      producer = f.text();
    },
    7: (f) => {
      found = true;
      graph.read(f);
    },
    8: (f) => {
      let domain = '';
      let version = 0;
      f.message({
        1: (g) => {
          domain = g.text();
        },
        2: (g) => {
          version = g.integer();
        },
      });
      opsets.set(ownDomain(domain), version);
    },
    14: (f) => {
      const { key, value } = readEntry(f);
      metadata[key] = value;
    },
  });
  if (!found) throw new UserError('ONNX: the file has no graph. It is damaged, or not an ONNX model.');
  const { nodes, initializers, outputs } = graph;
  const inputs = graph.inputs.filter(({ name }) => !initializers.has(name));
  const ordered = inOrder(nodes, [...inputs.map(({ name }) => name), ...initializers.keys()], outputs);
  return { producer, irVersion, opsets, metadata, nodes: ordered, initializers, inputs, outputs };
}

/** A GraphProto, as it is being read. */
class GraphParts {
  readonly nodes: DecodedNode[] = [];
  readonly initializers = new Map<string, Tensor>();
  readonly inputs: DecodedSlot[] = [];
  readonly outputs: DecodedSlot[] = [];

  read(field: Field): void {
    field.message({
      1: (f) => this.nodes.push(readNode(f)),
      5: (f) => {
        const { name, tensor } = decodeTensor(f.bytes(), f.budget);
        if (this.initializers.has(name)) throw new UserError(`ONNX: there are two tensors ${quote(name)}.`);
        this.initializers.set(name, tensor);
      },
      11: (f) => this.inputs.push(decodedSlot(f)),
      12: (f) => this.outputs.push(decodedSlot(f)),
      15: () => {
        throw new UserError('ONNX: the file has sparse tensors, which Graft does not read.');
      },
    });
  }
}

function readNode(field: Field): DecodedNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, DecodedAttribute>();
  let name = '';
  let operator = '';
  let domain = '';
  field.message({
    1: (f) => inputs.push(f.text()),
    2: (f) => outputs.push(f.text()),
    3: (f) => {
      name = f.text();
    },
    4: (f) => {
      operator = f.text();
    },
    5: (f) => {
      const { key, attribute } = readAttribute(f);
      if (attributes.has(key)) throw new UserError(`ONNX: the node ${quote(name)} has two attributes ${quote(key)}.`);
      attributes.set(key, attribute);
    },
    7: (f) => {
      domain = ownDomain(f.text());
    },
  });
  return { name, operator, domain, inputs, outputs, attributes };
}

/** `ai.onnx` is the long name of the domain ''. */
function ownDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

function readAttribute(field: Field): { key: string; attribute: DecodedAttribute } {
  let key = '';
  let attribute: DecodedAttribute = { kind: 'other' };
  const ints: number[] = [];
  const floats: number[] = [];
  const strings: string[] = [];
  let type = 0;
  const parts = (count: number) => field.budget.take(count);
  field.message({
    1: (f) => {
      key = f.text();
    },
    2: (f) => {
      attribute = { kind: 'float', value: f.float() };
    },
    3: (f) => {
      attribute = { kind: 'int', value: f.integer() };
    },
    4: (f) => {
      attribute = { kind: 'string', value: f.text() };
    },
    5: (f) => {
      attribute = { kind: 'tensor', value: decodeTensor(f.bytes(), f.budget).tensor };
    },
    7: (f) => collect(floats, f.floats(parts)),
    8: (f) => collect(ints, f.integers(parts)),
    9: (f) => strings.push(f.text()),
    20: (f) => {
      type = f.integer();
    },
  });
  // An empty list leaves nothing in the file; only the type tells it from an attribute that is absent.
  if (ints.length > 0 || type === 7) attribute = { kind: 'ints', value: ints };
  else if (floats.length > 0 || type === 6) attribute = { kind: 'floats', value: floats };
  else if (strings.length > 0 || type === 8) attribute = { kind: 'strings', value: strings };
  else if (attribute.kind === 'other') attribute = zeroOf[type] ?? attribute;
  return { key, attribute };
}

/** The fields that protobuf leaves out because they are zero. */
const zeroOf: Readonly<Record<number, DecodedAttribute>> = {
  1: { kind: 'float', value: 0 },
  2: { kind: 'int', value: 0 },
  3: { kind: 'string', value: '' },
};

function collect(list: number[], more: ArrayLike<number>): void {
  for (let i = 0; i < more.length; i++) list.push(more[i]!);
}

function decodedSlot(field: Field): DecodedSlot {
  const { name, code, shape } = readSlot(field);
  return { name, dtype: elementType(code), shape };
}

/** A ValueInfoProto, with the number of its element type. */
export function readSlot(field: Field): Omit<DecodedSlot, 'dtype'> & { readonly code: number } {
  let name = '';
  let code = 0;
  let shape: (number | string | null)[] | undefined;
  field.message({
    1: (f) => {
      name = f.text();
    },
    2: (type) =>
      type.message({
        1: (f) =>
          f.message({
            1: (g) => {
              code = g.integer();
            },
            2: (g) => {
              shape ??= [];
              const dimensions = shape;
              g.message({ 1: (dimension) => dimensions.push(readDimension(dimension)) });
            },
          }),
      }),
  });
  return { name, code, shape };
}

function readDimension(field: Field): number | string | null {
  let dimension: number | string | null = null;
  field.message({
    1: (f) => {
      dimension = f.integer();
    },
    2: (f) => {
      dimension = f.text();
    },
  });
  return dimension;
}

/** A StringStringEntryProto. */
export function readEntry(field: Field): { key: string; value: string } {
  const entry = { key: '', value: '' };
  field.message({
    1: (f) => {
      entry.key = f.text();
    },
    2: (f) => {
      entry.value = f.text();
    },
  });
  return entry;
}
