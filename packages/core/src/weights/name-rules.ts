import { UserError } from '../base/errors.ts';
import { type Shape, sizeOf, type Tensor, type Tensors } from '../base/tensor.ts';

/**
 * One step from a foreign name to the zoo's: what `String.prototype.replace` is given. `null`: the tensor is left out.
 */
export interface NameRule {
  readonly from: RegExp;
  readonly to: string | ((match: string, ...groups: string[]) => string) | null;
  /**
   * The same numbers under another shape, where a framework keeps them differently. Only for names that `from` matches.
   */
  readonly reshape?: (shape: Shape) => Shape;
}

/** A tensor's name and type, known before it is read. */
interface Named {
  readonly name: string;
  readonly shape: Shape;
}

/**
 * Every rule in turn, so that one can name the block and another the layer in it. Undefined where the tensor is left
 * out.
 */
export function renamed(rules: readonly NameRule[], { name, shape }: Named): Named | undefined {
  let current = { name, shape };
  for (const { from, to, reshape } of rules) {
    if (!from.test(current.name)) continue;
    if (to === null) return undefined;
    // Both overloads of `replace` take what `to` is; TypeScript wants to be told which.
    const next = typeof to === 'string' ? current.name.replace(from, to) : current.name.replace(from, to);
    current = { name: next, shape: reshape ? reshape(current.shape) : current.shape };
  }
  return current;
}

/**
 * Tensors under the zoo's names. Those that no rule knows keep their names, so that a file which has the zoo's names
 * already comes through as it is; whether all is there is for `matchWeights` to say.
 *
 * @throws UserError where two tensors come to the same name.
 */
export function renameTensors(rules: readonly NameRule[], tensors: Tensors): Record<string, Tensor> {
  const result: Record<string, Tensor> = Object.create(null);
  const origins = new Map<string, string>();
  for (const [name, value] of Object.entries(tensors)) {
    const target = renamed(rules, { name, shape: value.shape });
    if (!target) continue;
    const other = origins.get(target.name);
    if (other !== undefined) {
      throw new UserError(
        `The names ${other} and ${name} of the file both mean ${target.name}: it holds two networks.`,
      );
    }
    origins.set(target.name, name);
    result[target.name] = { ...value, shape: target.shape };
  }
  return result;
}

/** (o, …) → (o, rest): a convolution that sees one position is a matrix. */
export function asMatrix(shape: Shape): Shape {
  return [shape[0]!, sizeOf(shape.slice(1))];
}

/** (c) → (c, 1, 1): one number per channel of (n, c, h, w). */
export function perChannel(shape: Shape): Shape {
  return [...shape, 1, 1];
}
