import type { DecodedNode } from '../../graph/index.ts';

/*
 * Parameters keep the names that the file gives them, as far as they mean something: an exporter that folded or copied
 * a weight calls it onnx::Conv_493. Then the layer's node tells its place, or at last its operator and a number.
 */

/** A name in a file can be as long as the file. */
const longestName = 200;

/**
 * A name without characters that mean something elsewhere (a slash separates our own names), not long and never empty.
 */
export function safeName(name: string): string {
  const safe = name
    .slice(0, longestName)
    .replace(/:\d+$/, '')
    .replace(/[^A-Za-z0-9_.-]+/g, '.')
    .replace(/\.{2,}/g, '.')
    .replace(/^[._]+|\.+$/g, '');
  return safe === '' || safe in Object.prototype ? `${safe}_` : safe;
}

const invented =
  /^(onnx::.*|val_\d+|_?\d+|_.*|t\d+|(const|constant|initializer|tensor|param|node|output|input)[_.:\d]*)$/i;

/** True for a name from a person or a program that knew the layers; false for one that an exporter made up. */
export function isTelling(name: string): boolean {
  return name !== '' && !invented.test(name);
}

const weightSuffix = /[._](weights?|kernel|gamma|scale|w|ReadVariableOp|embedding)$/i;
const biasSuffix = /[._](bias(es)?|beta|b|ReadVariableOp)$/i;

/** `layer1.0.conv1` of `layer1.0.conv1.weight`; the name itself where it ends otherwise. */
export function layerOfWeight(name: string): string {
  return withoutSuffix(name, weightSuffix);
}

/** `fc` of `fc.bias`. */
export function layerOfBias(name: string): string {
  return withoutSuffix(name, biasSuffix);
}

function withoutSuffix(name: string, suffix: RegExp): string {
  const safe = safeName(name);
  // Twice: TensorFlow reads a variable by a node of its own, conv1/kernel/ReadVariableOp.
  const bare = safe.replace(suffix, '').replace(suffix, '');
  return bare === '' ? safe : bare;
}

/**
 * The layer that a node belongs to, from its name: PyTorch's `/layer1/layer1.0/conv1/Conv` is `layer1.0.conv1`, each
 * part under the one that it repeats. Undefined where the name says nothing (`Conv_12`).
 */
export function layerOfNode({ name, operator }: DecodedNode): string | undefined {
  const parts = name
    .slice(0, longestName)
    .split('/')
    .filter((part) => part !== '');
  const own = new RegExp(`^(node_)?${operator.replace(/\W/g, '')}(_?\\d+)?$`, 'i');
  if (own.test(parts.at(-1) ?? '')) parts.pop();
  const nested = parts.filter((part, i) => !parts[i + 1]?.startsWith(`${part}.`));
  return nested.length === 0 || !nested.some(isTelling) ? undefined : safeName(nested.join('.'));
}

/** Names that are given out once. */
export class NameRegister {
  readonly #taken = new Set<string>();
  /** The last number that was put behind each name. */
  readonly #numbers = new Map<string, number>();

  has(name: string): boolean {
    return this.#taken.has(name);
  }

  /** The name, or the name with the first number that makes it new. */
  fresh(name: string): string {
    let candidate = name;
    let number = this.#numbers.get(name) ?? 1;
    while (this.#taken.has(candidate)) candidate = `${name}_${++number}`;
    this.#numbers.set(name, number);
    this.#taken.add(candidate);
    return candidate;
  }
}
