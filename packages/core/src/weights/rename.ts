import { UserError } from '../base/errors.ts';
import { quote } from '../base/quote.ts';
import type { Tensor } from '../base/tensor.ts';

/** Put before names by DataParallel, DistributedDataParallel and torch.compile; no network's own. */
const wrapper = /^(module|_orig_mod)\./;
/** Usual names for the network inside a training module. Stripped only where every name has it. */
const holder = /^(model|net|network|backbone|encoder|trunk)\./;
/** DenseNets of before torchvision 0.2: denseblock1.denselayer1.norm.1.weight. */
const oldDenseNet = /(\bdenselayer\d+\.(?:norm|conv))\.([12])(?=\.[^.]+$)/;

const MOST_PREFIXES = 8;

/**
 * Tensors under the names that models of today have, and what was done to the names.
 *
 * @throws UserError where two tensors would get the same name
 */
export function withCurrentNames(tensors: Record<string, Tensor>): {
  tensors: Record<string, Tensor>;
  notes: string[];
} {
  const notes: string[] = [];
  let entries = Object.entries(tensors);
  const rename = (to: (name: string) => string) => {
    const renamed = entries.map(([name, value]): [string, Tensor] => [to(name), value]);
    const count = renamed.filter(([name], i) => name !== entries[i]![0]).length;
    entries = renamed;
    return count;
  };
  for (let round = 0; round < MOST_PREFIXES; round++) {
    const prefix = nextPrefix(entries);
    if (prefix === undefined) break;
    const count = rename((name) => (name.startsWith(prefix) ? name.slice(prefix.length) : name));
    notes.push(`Took ${quote(prefix)} off the front of ${count} of ${entries.length} names.`);
  }
  const old = rename((name) => name.replace(oldDenseNet, '$1$2'));
  if (old > 0) notes.push(`Gave ${old} parameters of a DenseNet their names of today: norm.1 is norm1.`);
  return { tensors: notes.length > 0 ? collect(entries) : tensors, notes };
}

function nextPrefix(entries: readonly (readonly [name: string, value: Tensor])[]): string | undefined {
  const wrapped = entries.find(([name]) => wrapper.test(name));
  if (wrapped) return wrapper.exec(wrapped[0])![0];
  const prefix = holder.exec(entries[0]?.[0] ?? '')?.[0];
  return prefix !== undefined && entries.every(([name]) => name.startsWith(prefix)) ? prefix : undefined;
}

function collect(entries: readonly (readonly [name: string, value: Tensor])[]): Record<string, Tensor> {
  const tensors: Record<string, Tensor> = Object.create(null);
  for (const [name, value] of entries) {
    if (name in tensors) throw new UserError(`Two tensors are called ${quote(name)} when prefixes are taken off.`);
    tensors[name] = value;
  }
  return tensors;
}
