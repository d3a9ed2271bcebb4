export type { FolderCache } from '../files/cache-folder.ts';
export { defaultCache, folderCache } from './folder-cache.ts';
