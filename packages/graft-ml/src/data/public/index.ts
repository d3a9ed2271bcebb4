export { type GetOptions, type GottenSet, getPublicSet, publicFilePath } from './get-set.ts';
export type { PublicSet } from './public-set.ts';
export { publicSets } from './sets.ts';
