import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where Graft keeps what can be made again: `GRAFT_CACHE`, or `graft` in the user's cache folder. */
export function cacheFolder(): string {
  return process.env.GRAFT_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'graft');
}
