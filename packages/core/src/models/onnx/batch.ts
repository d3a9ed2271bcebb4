import { numbersOf, type Shape, sizeOf } from '../../base/tensor.ts';
import { constantTensor, type DecodedNode, type Value } from '../../graph/index.ts';
import { sameShape } from '../../ops/index.ts';

/*
 * A file that was exported for one batch size has it written into its shapes: [1, 12, 64] where the batch of one has 12
 * heads. Its meaning for other batches is inferred from the shapes in its own.
 */

/** The shapes of a Reshape in the file's own batch. */
export interface ReshapeInFile {
  readonly from: Shape;
  readonly target: readonly number[];
  readonly to: Shape;
}

/** An axis of this length holds the batch, and in it `outer` others around each image: 16 in the rows (16·n, c). */
interface Rows {
  readonly length: number;
  readonly outer: number;
}

/**
 * The target shape of a Reshape in another batch. The batch is where `shape` differs from the file's: with `before`
 * elements around it in row-major order, it stands in the result behind as many. There it begins an axis, or ends the
 * one before (rows of a matrix are positions times images); the last axis holds features and never the batch, unless it
 * is alone. Null where neither holds.
 */
export function inOtherBatch(
  { from, to }: ReshapeInFile,
  shape: Shape,
  rows?: Rows,
): { readonly shape: Shape; readonly rows?: Rows } | null {
  const differing = shape.flatMap((d, axis) => (d === from[axis] ? [] : [axis]));
  const [axis] = differing;
  if (axis === undefined || differing.length !== 1 || shape.length !== from.length) return null;
  const factor = shape[axis]! / from[axis]!;
  const before = sizeOf(from.slice(0, axis)) * (rows && rows.length === shape[axis] ? rows.outer : 1);
  const begins = to.findIndex((_, place) => sizeOf(to.slice(0, place)) === before);
  if (begins >= 0 && (begins < to.length - 1 || to.length === 1)) {
    const grown = to[begins]! * factor;
    return Number.isInteger(grown) ? { shape: to.with(begins, grown) } : null;
  }
  const ends = to.findIndex((_, place) => sizeOf(to.slice(0, place + 1)) === before);
  if (ends < 0) return null;
  const length = to[ends]! * factor;
  return Number.isInteger(length) ? { shape: to.with(ends, length), rows: { length, outer: to[ends]! } } : null;
}

/** Follows the batch through a run in another batch than the file's. */
export class BatchTracker {
  readonly #inFile: ReadonlyMap<DecodedNode, ReshapeInFile>;
  readonly #rows = new Map<Value, Rows>();

  constructor(inFile: ReadonlyMap<DecodedNode, ReshapeInFile>) {
    this.#inFile = inFile;
  }

  /** The shape that a Reshape means, where it only states one; undefined where its target stands as it is. */
  shapeOf(node: DecodedNode, [x, target]: readonly (Value | undefined)[]): ReturnType<typeof inOtherBatch> {
    const inFile = this.#inFile.get(node);
    const numbers = target && constantTensor(target);
    // A target that the file computes from the batch differs from what it was in the file's.
    if (!inFile || !x || !numbers || !sameShape(numbersOf(numbers), inFile.target)) return null;
    return inOtherBatch(inFile, x.shape, this.#rows.get(x));
  }

  /** Notes that an output has such rows; they stay rows in what keeps their number. */
  follow(inputs: readonly (Value | undefined)[], output: Value | undefined, made: Rows | undefined): void {
    const inherited = inputs.flatMap((value) => (value && this.#rows.get(value)) ?? []);
    const rows = made ?? inherited.find(({ length }) => output?.shape.includes(length));
    if (output && rows) this.#rows.set(output, rows);
  }
}

/** Notes what each Reshape does, for runs with another batch. */
export function noteReshape(
  notes: Map<DecodedNode, ReshapeInFile>,
  node: DecodedNode,
  [x, target]: readonly (Value | undefined)[],
  output: Value | undefined,
): void {
  const numbers = target && constantTensor(target);
  if (node.operator !== 'Reshape' || !numbers || !output || !x) return;
  notes.set(node, { from: x.shape, target: numbersOf(numbers), to: output.shape });
}
