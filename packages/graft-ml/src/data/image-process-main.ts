/** The process that decodes costly images. Started by `image-process.ts`, always as the built file. */

import { ImageError } from '@graft-ml/core/internal/image/problem';
import sharp from 'sharp';
import type { ProcessReply, ProcessTask } from './image-process.ts';
import { costly, perform } from './image-tasks.ts';

const idleSeconds = 20;

sharp.concurrency(1);
sharp.cache(false);

// Not `exit`, which waits for libvips to finish.
const end = () => process.kill(process.pid, 'SIGKILL');

async function answer({ name, task }: ProcessTask): Promise<ProcessReply> {
  try {
    const result = await perform(name, task, 'apart');
    if (result === costly) throw new Error('there is no further process');
    return result;
  } catch (error) {
    if (error instanceof ImageError) return { problem: error.problem };
    return { failure: error instanceof Error ? `${error.stack}` : String(error) };
  }
}

let idle = setTimeout(end, idleSeconds * 1000);
process.on('message', async (message: ProcessTask) => {
  clearTimeout(idle);
  process.send!(await answer(message));
  idle = setTimeout(end, idleSeconds * 1000);
});
// The parent is gone, or Ctrl-C was pressed.
process.on('disconnect', end);
if (!process.connected) end(); // before this was listened for
process.on('SIGINT', () => {});
