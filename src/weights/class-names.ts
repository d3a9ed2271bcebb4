import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { WeightsEntry } from './registry/entry.ts';

/** What the outputs of published weights are called, in their order. */
export async function classNames(list: NonNullable<WeightsEntry['classes']>): Promise<string[]> {
  const root = dirname(createRequire(import.meta.url).resolve('graft-ml/package.json'));
  const text = await readFile(join(root, 'assets', `${list}_classes.txt`), 'utf8');
  return text.trimEnd().split('\n');
}
