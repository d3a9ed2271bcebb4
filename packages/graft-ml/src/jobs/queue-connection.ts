import { UserError } from '@graft-ml/core/internal/base/errors';
import type { BackendFactory, ConnectionOptions, IQueueBackend, PostgresConnectionOptions } from 'bullmq';
import { loadPeers } from './peer.ts';

/** The place of a queue. */
export interface QueueAddress {
  readonly engine: 'redis' | 'postgres';
  readonly url: string;
  /** The address as messages name it, without a password. */
  readonly place: string;
}

const engines: Readonly<Record<string, QueueAddress['engine']>> = {
  'redis:': 'redis',
  'rediss:': 'redis',
  'postgres:': 'postgres',
  'postgresql:': 'postgres',
};

/** @throws UserError where it is no address of Redis or PostgreSQL. It does not repeat the text, which may have a password */
export function parseQueueAddress(url: string): QueueAddress {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const engine = parsed ? engines[parsed.protocol] : undefined;
  if (!parsed || engine === undefined) {
    throw new UserError(
      'A queue is redis://host:6379, rediss://user:password@host:6379, or postgres://user:password@host:5432/database.',
    );
  }
  const user = parsed.username === '' ? '' : `${parsed.username}@`;
  return { engine, url, place: `${parsed.protocol}//${user}${parsed.host}${parsed.pathname.replace(/\/$/, '')}` };
}

/** The name of the one queue that all workers take from, and of the keys in Redis and the schema in PostgreSQL. */
export const queueName = 'jobs';
export const queuePrefix = 'graft';

/**
 * BullMQ's classes for a queue in Redis or PostgreSQL. Their option `connection` is the address.
 *
 * @throws UserError with the command that installs what is missing
 */
export async function openBullmq(address: QueueAddress) {
  const driver = address.engine === 'redis' ? 'ioredis' : 'pg';
  const [bullmq] = await loadPeers(['bullmq', driver], 'A queue', () =>
    Promise.all([import('bullmq'), address.engine === 'redis' ? import('ioredis') : import('pg')]),
  );
  const redis: ConnectionOptions = {
    url: address.url,
    // A command waits for as long as Redis is away.
    maxRetriesPerRequest: null,
    retryStrategy: (times: number) => Math.min(200 * times, 5000),
  };
  const postgres: PostgresConnectionOptions = {
    connectionString: address.url,
    schema: queuePrefix,
    migrate: true,
    connectionTimeoutMillis: connectTimeout,
  };
  const factory: BackendFactory<IQueueBackend, QueueAddress> = (name, options, how) =>
    address.engine === 'redis'
      ? bullmq.createRedisBackend(name, { ...options, connection: redis }, how)
      : bullmq.createPostgresBackend(name, { ...options, connection: postgres }, how);
  const { UnrecoverableError, WaitingError } = bullmq;
  return { ...bullmq.withBackend(factory), UnrecoverableError, WaitingError };
}

export type Bullmq = Awaited<ReturnType<typeof openBullmq>>;

/** Opens the queue of all jobs. @throws UserError where nobody answers, or not to this user */
export async function openQueue({ Queue }: Bullmq, address: QueueAddress, onError: (error: Error) => void) {
  // BullMQ's own connections try for ever.
  await (address.engine === 'redis' ? askRedis(address.url) : askPostgres(address.url)).catch((cause: unknown) => {
    throw new UserError(`The queue ${address.place} cannot be reached: ${reasonOf(cause)}.`, { cause });
  });
  const queue = new Queue<unknown, unknown>(queueName, { connection: address, prefix: queuePrefix });
  queue.on('error', onError);
  try {
    await queue.waitUntilReady();
    return queue;
  } catch (cause) {
    await queue.close().catch(() => {});
    throw new UserError(`The queue ${address.place} cannot be used: ${reasonOf(cause)}.`, { cause });
  }
}

/** How long (milliseconds) a server has to answer at first. */
const connectTimeout = 10_000;

async function askRedis(url: string): Promise<void> {
  const { Redis } = await import('ioredis');
  const client = new Redis(url, { lazyConnect: true, connectTimeout, retryStrategy: () => null });
  let problem: unknown;
  client.on('error', (error) => {
    problem ??= error;
  });
  try {
    await client.connect();
    await client.ping();
  } catch (error) {
    throw problem ?? error;
  } finally {
    client.disconnect();
  }
}

async function askPostgres(url: string): Promise<void> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: connectTimeout });
  await client.connect();
  await client.end();
}

/** Tells each trouble once, however often it comes again. */
export function notedOnce(onNote: (text: string) => void): (error: unknown) => void {
  const told = new Set<string>();
  return (error) => {
    const reason = reasonOf(error);
    if (told.size < 100 && !told.has(reason)) onNote(reason);
    told.add(reason);
  };
}

export type OpenQueue = Awaited<ReturnType<typeof openQueue>>;
export type QueuedJob = NonNullable<Awaited<ReturnType<OpenQueue['getJob']>>>;

/** In short: where several addresses of a host were tried, Node's error has no message, but a code. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return (error.message || code).replace(/\.$/, '');
}
