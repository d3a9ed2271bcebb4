import { readFile } from 'node:fs/promises';
import type { WeightsEntry } from '@graft-ml/core/internal/weights/registry/entry';
import { packageFile } from '../files/package-file.ts';

/** The names of the outputs of published weights, in order. */
export async function classNames(list: NonNullable<WeightsEntry['classes']>): Promise<string[]> {
  const text = await readFile(packageFile('assets', `${list}_classes.txt`), 'utf8');
  return text.trimEnd().split('\n');
}

/** Names for outputs that have none: `class 0`, `class 1`, … */
export function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `class ${i}`);
}

/** The class names of a file that has none: a thousand outputs are nearly always ImageNet-1k's. */
export async function namesFor(outputs: number): Promise<string[]> {
  return outputs === 1000 ? classNames('imagenet1k') : numbered(outputs);
}
