import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { omniglotParts } from '@graft-ml/core/internal/recipe/meta/class-split';
import { findCandidates } from '../data/readers/find-candidates.ts';
import type { Found } from '../data/readers/found.ts';
import { sumOf } from '../data/readers/tree.ts';

/**
 * The images of Omniglot (Lake et al. 2015), where a folder has its two sets, `images_background` and
 * `images_evaluation`, as they are published: ZIP archives, which are read in place, or unpacked.
 */
export async function findOmniglot(path: string): Promise<Found | undefined> {
  const entries = await readdir(path).catch((): string[] => []);
  const placeOf = (part: string) => [`images_${part}.zip`, `images_${part}`].find((name) => entries.includes(name));
  const places = Object.values(omniglotParts).map((part) => ({ part, place: placeOf(part) }));
  if (places.some(({ place }) => place === undefined)) return undefined;
  const sets = await Promise.all(
    places.map(async ({ part: name, place }) => {
      const found = await findCandidates(join(path, place!), { classDepth: 'deepest' });
      const part = { name, folder: found.base, split: undefined };
      return { ...found, parts: [part], candidates: found.candidates.map((candidate) => ({ ...candidate, part })) };
    }),
  );
  return {
    base: path,
    parts: sets.flatMap(({ parts }) => parts),
    candidates: sets.flatMap(({ candidates }) => candidates),
    classNames: new Set(sets.flatMap(({ classNames }) => [...classNames])),
    problems: sets.flatMap(({ problems }) => problems),
    ignored: sumOf(sets.map(({ ignored }) => ignored)),
    notes: sets.flatMap(({ notes }) => notes),
  };
}
