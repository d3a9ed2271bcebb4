import { defaultCacheFolder, type FolderCache } from '../files/cache-folder.ts';
import { choiceStore } from './choices.ts';
import { openFeatures, originKey } from './features.ts';

/**
 * A cache in a folder, which any number of processes may share.
 * @example for await (const event of trainFolder('photos', config, { out: 'runs/x', cache: folderCache('/data/cache') })) …
 */
export function folderCache(folder: string): FolderCache {
  return {
    folder,
    choices: (backend) => choiceStore(folder, backend),
    features: (origin, shape, options) => openFeatures(folder, originKey(origin), shape, options),
  };
}

/** The user's cache: the folder in `GRAFT_CACHE`, or `graft` in the user's cache folder. */
export function defaultCache(): FolderCache {
  return folderCache(defaultCacheFolder());
}
