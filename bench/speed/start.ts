/*
 * Writes the weights and images that the sides of a comparison start from to the folder of the request:
 *   node dist/bench/speed/start.js '{"work": {…}, "folder": "…"}'
 * It is a process of its own, so that the memory which that takes counts for neither side.
 */
import { writeMetaStart } from './graft-meta.ts';
import type { SideRequest } from './graft-side.ts';
import { makeStart, writeStart } from './network-start.ts';
import { isMeta } from './works.ts';

const { work, folder } = JSON.parse(process.argv[2]!) as Pick<SideRequest, 'work' | 'folder'>;
await (isMeta(work) ? writeMetaStart(folder, work) : writeStart(folder, makeStart(work)));
