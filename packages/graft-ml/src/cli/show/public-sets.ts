import { plural } from '@graft-ml/core/internal/base/plural';
import type { GottenSet } from '../../data/public/get-set.ts';
import type { PublicSet } from '../../data/public/public-set.ts';
import { formatCount, table } from './format.ts';
import type { Result } from './printer.ts';

/** The list of public datasets, a line each. */
export function publicSetsResult(sets: readonly PublicSet[]): Result {
  const rows = sets.map(({ name, images, classes, files, licence, title }) => [
    name,
    formatCount(images),
    classes,
    files.reduce((sum, { megabytes }) => sum + megabytes, 0),
    licence ?? 'not stated',
    title,
  ]);
  return {
    lines: [table(['name', 'images', 'classes', 'MB', 'licence', ''], rows)],
    json: sets.map(({ arrange: _, ...facts }) => facts),
  };
}

/** The result of downloading a public dataset into class folders. */
export function publicSetResult({ name, layout, files }: PublicSet, got: GottenSet): Result {
  const isUnchecked = files.some(({ checksum }) => !checksum);
  return {
    notes: isUnchecked ? ['Its publisher states no checksum: from now on it must be what was downloaded first.'] : [],
    lines: [`${got.folder}: ${plural(got.images, 'image')}, ${layout}. The archives stay in ${got.files.join(', ')}`],
    json: { name, ...got },
  };
}
