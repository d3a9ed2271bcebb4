import { UsageError } from '@graft-ml/core/internal/base/errors';
import { z } from 'zod';
import { defineCommand } from '../command.ts';
import { ended } from '../interrupt.ts';
import { printResult } from '../show/printer.ts';

/** The studio's, and one. */
const dashboardPort = 47_239;

export const dashboardCommand = defineCommand({
  arguments: [],
  options: z.strictObject({
    queue: z
      .string()
      .optional()
      .describe('the queue: redis://HOST:6379, rediss://… or postgres://USER@HOST/DATABASE; default: GRAFT_QUEUE'),
    port: z.int().min(0).max(65_535).default(dashboardPort).describe('port on this machine, 0 for any free one'),
  }),
  goesOnUnread: () => true,
  examples: [
    'graft dashboard --queue redis://queue:6379',
    'graft dashboard --queue postgres://graft@db/graft --port 0',
  ],
  async run({ options: { queue = process.env.GRAFT_QUEUE, port }, terminal }) {
    if (queue === undefined) throw new UsageError('dashboard: it needs a queue: --queue redis://HOST:6379');
    const { serveDashboard } = await import('../../serve/dashboard-server.ts');
    const server = await serveDashboard(queue, port);
    const { address } = server;
    const lines = [`The jobs of ${server.queue} are at ${address} until Ctrl-C.`];
    printResult(terminal, { lines, json: { address, port: server.port, queue: server.queue } });
    await ended();
    await server.close();
  },
});
