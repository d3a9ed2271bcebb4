import type { Value } from '@graft-ml/core/graph';
import { type Choices, partsOfKey } from '@graft-ml/core/internal/runtime/tuning';

/** A key of a choice, taken apart. */
interface Shape {
  readonly primitive: string;
  /** Everything of the operands but their sizes: their types, which are constants, and how many sizes they have. */
  readonly form: string;
  /** The logarithms of the sizes of each operand. */
  readonly operands: readonly (readonly number[])[];
  readonly attributes: Readonly<Record<string, unknown>>;
}

const rounding = 1e-9;
/** A factor of 16 in one size, such as the batch's, or smaller ones in several. */
const farthest = Math.log(16) + rounding;
/** What a kernel of another size, or another stride, counts beside sizes of the operands. */
const otherAttribute = Math.log(8);
/** Attributes that follow from the operands. */
const derived = new Set(['size', 'groups']);

/**
 * For each open shape the choice of the most similar shape of the same primitive, where one is similar: what is fastest at
 * batch 16 is as a rule fastest, or nearly so, at batch 4, and then nothing need be timed before the first step.
 *
 * @param open the values that there is no choice for, by their keys
 * @param candidates the lowerings that a value may have
 */
export function similarChoices(
  open: ReadonlyMap<string, Value>,
  shipped: Choices,
  candidates: (value: Value) => readonly string[],
): Choices {
  const shapes = new Map<string, { shape: Shape; choice: string }[]>();
  for (const [key, choice] of Object.entries(shipped)) {
    const shape = shapeOf(key);
    if (!shape) continue;
    const alike = shapes.get(shape.primitive) ?? [];
    alike.push({ shape, choice });
    shapes.set(shape.primitive, alike);
  }
  // Of two that are as near, such as batch 1 and 16 to a batch of 4, the larger: what pays there pays soon.
  for (const alike of shapes.values()) alike.sort((a, b) => logSize(b.shape) - logSize(a.shape));
  const found: Record<string, string> = {};
  for (const [key, value] of open) {
    const own = shapeOf(key);
    if (!own) continue;
    const usable = candidates(value);
    let nearest = farthest;
    for (const { shape, choice } of shapes.get(own.primitive) ?? []) {
      const distance = usable.includes(choice) ? distanceOf(own, shape) : Number.POSITIVE_INFINITY;
      if (distance > nearest || (distance > nearest - rounding && key in found)) continue;
      nearest = distance;
      found[key] = choice;
    }
  }
  return found;
}

/** The logarithm of all its operands' sizes multiplied. */
const logSize = ({ operands }: Shape): number => operands.flat().reduce((sum, size) => sum + size, 0);

function shapeOf(key: string): Shape | undefined {
  const parts = partsOfKey(key);
  return (
    parts && {
      primitive: parts.primitive,
      form: `${parts.operands.map(({ dtype, shape, isConstant }) => `${dtype} ${shape.length} ${isConstant}`)}`,
      operands: parts.operands.map(({ shape }) => shape.map(Math.log)),
      attributes: JSON.parse(parts.attributes),
    }
  );
}

/** The largest distance of two operands, each the sum over its sizes; infinite where nothing carries over. */
function distanceOf(a: Shape, b: Shape): number {
  if (a.form !== b.form || isDepthwise(a) !== isDepthwise(b)) return Number.POSITIVE_INFINITY;
  const operands = a.operands.map((sizes, i) =>
    sizes.reduce((sum, size, at) => sum + Math.abs(size - b.operands[i]![at]!), 0),
  );
  const others = Object.entries(a.attributes).filter(
    ([name, value]) => !derived.has(name) && `${value}` !== `${b.attributes[name]}`,
  );
  return Math.max(0, ...operands) + others.length * otherAttribute;
}

/** Whether a convolution has a group for each channel: other kernels do it. */
function isDepthwise({ attributes, operands }: Shape): boolean {
  return (
    attributes.groups !== undefined &&
    attributes.groups !== 1 &&
    Math.log(Number(attributes.groups)) === operands[0]?.[1]
  );
}
