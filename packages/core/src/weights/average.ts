import { UserError } from '../base/errors.ts';
import { formatType, type Tensor, type Tensors, tensor } from '../base/tensor.ts';

/** Weights of one network, and the share that they have in an average. */
export interface Ingredient {
  /** Names them in messages: the path of a run. */
  readonly source: string;
  readonly tensors: Tensors;
  /** Shares are divided by their sum. Default 1. */
  readonly share?: number;
}

/**
 * The average of the weights of networks that are alike: θ = Σ sᵢ θᵢ / Σ sᵢ, summed in f64 and rounded once. Buffers
 * are averaged like parameters, the running statistics of batch norms among them; of integers, such as
 * `num_batches_tracked`, those of the first are kept. Tensors that are equal in all stay as they are, bit for bit.
 * Model soups (Wortsman et al. 2022, arXiv 2203.05482), and between two networks WiSE-FT (Wortsman et al. 2022, arXiv
 * 2109.01903).
 *
 * @throws UserError where names, shapes or element types differ, with both sides
 */
export function averageTensors(ingredients: readonly Ingredient[]): Tensors {
  const [first, ...others] = ingredients;
  if (!first) throw new UserError('averageTensors: expected the weights of at least one network.');
  for (const other of others) assertAlike(first, other);
  const total = ingredients.reduce((sum, { share = 1 }) => sum + share, 0);
  if (!(total > 0)) throw new UserError(`averageTensors: expected shares with a sum above 0, received ${total}.`);
  // Either end of an interpolation is the network itself, to the bit.
  const mixed = ingredients.filter(({ share = 1 }) => share !== 0);
  const shares = mixed.map(({ share = 1 }) => share / total);
  const entries = Object.keys(first.tensors).map((name) => {
    const all = mixed.map(({ tensors }) => tensors[name]!);
    return [name, averageOf(all, shares)] as const;
  });
  return Object.fromEntries(entries);
}

function averageOf(all: readonly Tensor[], shares: readonly number[]): Tensor {
  const first = all[0]!;
  if (first.dtype !== 'f32' && first.dtype !== 'f64') return first;
  const data = first.data.slice();
  for (let i = 0; i < data.length; i++) {
    const start = Number(first.data[i]);
    // Differences to the first: what all have in common is not rounded.
    let sum = 0;
    for (let j = 1; j < all.length; j++) sum += shares[j]! * (Number(all[j]!.data[i]) - start);
    data[i] = start + sum;
  }
  return data instanceof Float32Array ? tensor('f32', first.shape, data) : tensor('f64', first.shape, data);
}

const shown = 6;

function assertAlike(first: Ingredient, other: Ingredient): void {
  const names = [...new Set([...Object.keys(first.tensors), ...Object.keys(other.tensors)])];
  const typeIn = ({ tensors }: Ingredient, name: string) => {
    const value = tensors[name];
    return value ? formatType(value) : 'absent';
  };
  const different = names.filter((name) => typeIn(first, name) !== typeIn(other, name));
  if (different.length === 0) return;
  const lines = different
    .slice(0, shown)
    .map((name) => `  ${name}: ${typeIn(first, name)} (${first.source}), ${typeIn(other, name)} (${other.source})`);
  const more = different.length > shown ? [`  and ${different.length - shown} more`] : [];
  throw new UserError(
    [
      `${different.length} of ${names.length} tensors of ${other.source} are not like those of ${first.source}, and cannot be ` +
        'averaged with them.',
      ...lines,
      ...more,
    ].join('\n'),
  );
}
