import { input, reachable, type Value } from '../graph/index.ts';
import { Scope } from '../nn/index.ts';
import type { NamedArchitecture } from './model.ts';

const layers = new Set(['Conv2d', 'MatMul']);

/**
 * Whether a network adds activations to earlier ones (He et al. 2015), whatever it is called: somewhere two activations
 * are added of which one has gone through more layers than the other.
 */
export function hasResiduals({
  trunk,
  preprocessing: { crop },
}: Pick<NamedArchitecture, 'trunk' | 'preprocessing'>): boolean {
  const images = input('images', 'f32', [1, 3, crop, crop]);
  const { scope } = Scope.root({ training: false });
  /** The number of layers on the longest path to each activation. */
  const depths = new Map<Value, number>();
  for (const value of reachable([trunk(scope, images)])) {
    const before = value.inputs.flatMap((operand) => depths.get(operand) ?? []);
    if (value !== images && before.length === 0) continue;
    if (value.op.name === 'Add' && before.length === 2 && before[0] !== before[1]) return true;
    depths.set(value, before.reduce((a, b) => Math.max(a, b), 0) + (layers.has(value.op.name) ? 1 : 0));
  }
  return false;
}
