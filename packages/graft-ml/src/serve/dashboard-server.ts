import { createServer } from 'node:http';
import type { IServerAdapter } from '@bull-board/api/typings/app';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { Queue } from 'bullmq';
import { loadPeers } from '../jobs/peer.ts';
import { openBullmq, openQueue, parseQueueAddress } from '../jobs/queue-connection.ts';
import { isThisMachine, listen } from './studio-server.ts';

export interface DashboardServer {
  /** `http://127.0.0.1:<port>/` */
  readonly address: string;
  readonly port: number;
  /** The queue, as messages name it. */
  readonly queue: string;
  close(): Promise<void>;
}

/**
 * Serves bull-board, a page that shows the jobs of a queue, on this machine and to it alone: from the page jobs can be
 * removed and begun again.
 *
 * @param port where to listen; 0 for any free port
 * @throws UserError (by rejection) where a package is not installed, the queue cannot be reached, or the port cannot
 * be had
 */
export async function serveDashboard(queue: string, port: number): Promise<DashboardServer> {
  const address = parseQueueAddress(queue);
  const [{ createBullBoard }, { BullMQAdapter }, { ExpressAdapter }, { default: express }] = await loadPeers(
    ['@bull-board/api', '@bull-board/express', 'express'],
    'The dashboard',
    () =>
      Promise.all([
        import('@bull-board/api'),
        import('@bull-board/api/bullMQAdapter'),
        import('@bull-board/express'),
        import('express'),
      ]),
  );
  const opened = await openQueue(await openBullmq(address), address, () => {});
  const adapter = new ExpressAdapter();
  createBullBoard({
    // Its types are of queues in Redis and of one version of its own parts; it looks at run time which queue it has.
    queues: [new BullMQAdapter(opened as unknown as Queue)],
    serverAdapter: adapter as unknown as IServerAdapter,
    options: { uiConfig: { boardTitle: 'Graft', miscLinks: [] } },
  });
  const app = express();
  app.disable('x-powered-by');
  app.use((request, response, next) => {
    const problem = problemOf(request.headers);
    if (problem === null) next();
    else response.status(403).type('text/plain').send(`${problem}\n`);
  });
  app.use('/', adapter.getRouter());
  const server = createServer(app);
  try {
    await listen(server, port);
  } catch (error) {
    await opened.close();
    throw error;
  }
  const own = server.address();
  if (own === null || typeof own === 'string') throw new UserError('The dashboard has no port.');
  return {
    address: `http://127.0.0.1:${own.port}/`,
    port: own.port,
    queue: address.place,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await opened.close();
    },
  };
}

/** Why a request is not answered: other pages in the same browser can send some here, too. Null where it is. */
function problemOf({ host, origin }: { readonly host?: string; readonly origin?: string }): string | null {
  if (!isThisMachine(host)) return 'This server answers to 127.0.0.1 and localhost only.';
  if (origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)) return null;
  return 'This server answers to its own page only.';
}
