import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missingServer, startServer, type TestServer } from '../../../../test/queues.ts';
import { openBullmq, parseQueueAddress, queueName, queuePrefix } from '../jobs/queue-connection.ts';
import { type DashboardServer, serveDashboard } from './dashboard-server.ts';

const missing = missingServer('redis');

describe.skipIf(missing !== undefined)(`the dashboard${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let redis: TestServer;
  let dashboard: DashboardServer;
  beforeAll(async () => {
    redis = await startServer('redis');
    const address = parseQueueAddress(redis.url);
    const { Queue } = await openBullmq(address);
    const queue = new Queue(queueName, { connection: address, prefix: queuePrefix });
    await queue.add('train', { graft: 'job-1' }, { jobId: 'study~trial-0000' });
    await queue.close();
    dashboard = await serveDashboard(redis.url, 0);
  });
  afterAll(async () => {
    await dashboard?.close();
    await redis?.remove();
  });

  function ask(method: string, path: string, headers: Readonly<Record<string, string>>) {
    return new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      const asked = request({ host: '127.0.0.1', port: dashboard.port, method, path, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode, text }));
      });
      asked.on('error', reject).end();
    });
  }

  const jobs = `/api/queues?activeQueue=${queueName}&page=1&jobsPerPage=10`;

  it('shows the jobs of the queue', async () => {
    const host = `127.0.0.1:${dashboard.port}`;
    expect((await ask('GET', '/', { host })).text).toContain('<title>Graft');
    const { status, text } = await ask('GET', jobs, { host });
    expect([status, text]).toEqual([200, expect.stringContaining('study~trial-0000')]);
  });

  it('answers to this machine and its own page only', async () => {
    const host = `localhost:${dashboard.port}`;
    const clean = `/api/queues/${queueName}/clean/wait`;
    expect((await ask('GET', jobs, { host: 'evil.example' })).status).toBe(403);
    expect((await ask('PUT', clean, { host, origin: 'https://evil.example' })).status).toBe(403);
    expect((await ask('PUT', clean, { host, origin: 'null' })).status).toBe(403);
    expect((await ask('GET', jobs, { host, origin: `http://${host}` })).text).toContain('study~trial-0000');
  });
});
