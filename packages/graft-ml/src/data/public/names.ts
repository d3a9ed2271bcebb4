/** The public datasets that can be downloaded, in the order of the list; `sets.ts` says where from. */
export const publicSetNames = [
  'omniglot',
  'flowers102',
  'pets',
  'food101',
  'cifar10',
  'caltech101',
  'hymenoptera',
] as const;

export type PublicSetName = (typeof publicSetNames)[number];
