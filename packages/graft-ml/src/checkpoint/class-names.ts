import { readFile } from 'node:fs/promises';
import type { WeightsEntry } from '@graft-ml/core/internal/weights/registry/entry';
import { packageFile } from '../files/package-file.ts';

/** The names of the outputs of published weights, in order. */
export async function classNames(list: NonNullable<WeightsEntry['classes']>): Promise<string[]> {
  const text = await readFile(packageFile('assets', `${list}_classes.txt`), 'utf8');
  return text.trimEnd().split('\n');
}
