import { caltech101, hymenoptera, omniglot } from './by-folder.ts';
import { cifar10, flowers102, food101, pets } from './by-list.ts';
import { type PublicSetName, publicSetNames } from './names.ts';
import type { PublicSet } from './public-set.ts';

const byName: Readonly<Record<PublicSetName, PublicSet>> = {
  omniglot,
  flowers102,
  pets,
  food101,
  cifar10,
  caltech101,
  hymenoptera,
};

/** The public datasets that can be downloaded. */
export const publicSets: readonly PublicSet[] = publicSetNames.map((name) => byName[name]);
