import { Socket } from 'node:net';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { taskChannel } from './child.ts';
import { receiveFrames, sendFrame } from './frames.ts';
import type { Answer } from './messages.ts';

/** The other end of a `Child`: answers tasks, one after the other, until the server that started it is gone. */
export function answerTasks<Task, Reply>(perform: (task: Task) => Promise<Reply>): void {
  let previous: Promise<void> = Promise.resolve();
  const socket = new Socket({ fd: taskChannel });
  receiveFrames<{ readonly id: number; readonly task: Task }>(socket, ({ id, task }) => {
    previous = previous.then(async () => {
      const answer = await perform(task).then(
        (reply): Answer<Reply> => ({ id, reply }),
        (error: unknown): Answer<Reply> => {
          const isSaid = error instanceof UserError;
          return { id, failure: isSaid ? error.message : String(error instanceof Error ? error.stack : error), isSaid };
        },
      );
      sendFrame(socket, answer);
    });
  });
  // Not `exit`, which waits for native threads to finish.
  const end = () => process.kill(process.pid, 'SIGKILL');
  socket.on('error', end);
  socket.on('close', end);
  process.on('disconnect', end);
  if (!process.connected) end();
  // Ctrl-C reaches all processes of a terminal; the server says when to stop.
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => {});
}
