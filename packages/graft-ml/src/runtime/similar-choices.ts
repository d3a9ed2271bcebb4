import type { Value } from '@graft-ml/core/graph';
import { type Choices, partsOfKey } from '@graft-ml/core/internal/runtime/tuning';

/** A key of a choice, taken apart. */
interface Shape {
  readonly primitive: string;
  /** Everything of the operands but their sizes: their types, which are constants, and how many sizes they have. */
  readonly form: string;
  /** The logarithms of the sizes of each operand. */
  readonly operands: readonly (readonly number[])[];
  /** Those that do not follow from the operands. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Whether a convolution has a group for each channel: other kernels do it. */
  readonly isDepthwise: boolean;
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
      const distance = usable.includes(choice) ? distanceOf(own, shape, nearest) : Number.POSITIVE_INFINITY;
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
  if (!parts) return undefined;
  const { primitive, operands } = parts;
  const attributes = Object.entries<unknown>(JSON.parse(parts.attributes));
  const groups = attributes.find(([name]) => name === 'groups')?.[1];
  return {
    primitive,
    form: `${operands.map(({ dtype, shape, isConstant }) => `${dtype} ${shape.length} ${isConstant}`)}`,
    operands: operands.map(({ shape }) => shape.map(Math.log)),
    attributes: Object.fromEntries(
      attributes.filter(([name]) => !derived.has(name)).map(([name, value]) => [name, `${value}`]),
    ),
    isDepthwise: groups !== undefined && groups !== 1 && groups === operands[0]?.shape[1],
  };
}

/** The largest distance of two operands, each the sum over its sizes; infinite where nothing carries over or it is above a limit. */
function distanceOf(a: Shape, b: Shape, limit: number): number {
  if (a.form !== b.form || a.isDepthwise !== b.isDepthwise) return Number.POSITIVE_INFINITY;
  let others = 0;
  for (const name in a.attributes) if (a.attributes[name] !== b.attributes[name]) others += otherAttribute;
  let farthestOperand = 0;
  for (let i = 0; i < a.operands.length; i++) {
    const [sizes, theirs] = [a.operands[i]!, b.operands[i]!];
    let distance = 0;
    for (let at = 0; at < sizes.length; at++) distance += Math.abs(sizes[at]! - theirs[at]!);
    farthestOperand = Math.max(farthestOperand, distance);
    if (farthestOperand + others > limit) return Number.POSITIVE_INFINITY;
  }
  return farthestOperand + others;
}
