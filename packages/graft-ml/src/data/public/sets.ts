import { caltech101, hymenoptera, omniglot } from './by-folder.ts';
import { cifar10, flowers102, food101, pets } from './by-list.ts';
import type { PublicSet } from './public-set.ts';

/** The public datasets that can be got, by name. */
export const publicSets: readonly PublicSet[] = [omniglot, flowers102, pets, food101, cifar10, caltech101, hymenoptera];
