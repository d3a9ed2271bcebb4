import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A server that tests start and kill. */
export interface TestServer {
  /** Its address as a queue. */
  readonly url: string;
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>;
  /** Starts it again with what it has on the disk. */
  start(): Promise<void>;
  /** Ends it, and removes its files. */
  remove(): Promise<void>;
}

/** Why there can be no such server here; undefined where there can. */
export function missingServer(engine: 'redis' | 'postgres'): string | undefined {
  if (engine === 'redis') return has('redis-server') ? undefined : 'redis-server is not installed';
  if (postgresFolder() === undefined) return 'PostgreSQL is not installed';
  return process.getuid?.() !== 0 || has('runuser') ? undefined : 'PostgreSQL does not run as root';
}

/** Starts a server with nothing in it, at an address of this machine. */
export async function startServer(engine: 'redis' | 'postgres', host = '127.0.0.1'): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), `graft-${engine}-`));
  const port = await freePort();
  const server = engine === 'redis' ? redis(folder, host, port) : postgres(folder, host, port);
  let running: ChildProcess | undefined;
  const kill = async (signal: NodeJS.Signals) => {
    const ending = running;
    running = undefined;
    if (!ending || ending.exitCode !== null || ending.pid === undefined) return;
    const ended = new Promise((resolve) => ending.once('exit', resolve));
    process.kill(-ending.pid, signal);
    await ended;
  };
  const start = async () => {
    const [command = '', ...rest] = server.command;
    // A group of its own: `runuser` stands between, and PostgreSQL has several processes.
    running = spawn(command, rest, { stdio: 'ignore', detached: true });
    await untilItAnswers(server.isReady, () => {
      // PostgreSQL does not start for as long as a process of one that was killed is there.
      if (running?.exitCode !== null) running = spawn(command, rest, { stdio: 'ignore', detached: true });
    });
  };
  await start();
  return {
    url: server.url,
    start,
    kill: () => kill('SIGKILL'),
    async remove() {
      await kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Served {
  readonly url: string;
  readonly command: readonly string[];
  isReady(): boolean;
}

function redis(folder: string, host: string, port: number): Served {
  const options = {
    port,
    bind: host,
    'protected-mode': 'no',
    dir: folder,
    save: '',
    appendonly: 'yes',
    appendfsync: 'always',
  };
  const flags = Object.entries({ ...options, 'maxmemory-policy': 'noeviction' }).flatMap(([name, value]) => [
    `--${name}`,
    String(value),
  ]);
  return {
    url: `redis://${host}:${port}`,
    command: ['redis-server', ...flags],
    isReady: () => succeeds('redis-cli', ['-h', host, '-p', String(port), 'ping']),
  };
}

function postgres(folder: string, host: string, port: number): Served {
  const programs = postgresFolder() ?? '';
  const data = join(folder, 'data');
  const isRoot = process.getuid?.() === 0;
  const asUser = isRoot ? ['runuser', '-u', 'postgres', '--'] : [];
  if (isRoot) execFileSync('chown', ['postgres', folder]);
  else chmodSync(folder, 0o700);
  const [command = '', ...rest] = [
    ...asUser,
    ...[join(programs, 'initdb'), '-D', data, '-U', 'graft', '-A', 'trust', '--no-sync'],
  ];
  execFileSync(command, rest, { stdio: 'ignore' });
  return {
    url: `postgres://graft:secret@${host}:${port}/postgres`,
    command: [...asUser, ...[join(programs, 'postgres'), '-D', data, '-p', String(port), '-h', host, '-k', folder]],
    isReady: () => succeeds(join(programs, 'pg_isready'), ['-h', host, '-p', String(port)]),
  };
}

/** The folder of the newest PostgreSQL's programs, which Debian does not put where commands are looked for. */
function postgresFolder(): string | undefined {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => join(root, version, 'bin')).find((folder) => existsSync(join(folder, 'initdb')));
}

function has(command: string): boolean {
  return succeeds('sh', ['-c', `command -v ${command}`]);
}

function succeeds(command: string, words: readonly string[]): boolean {
  try {
    execFileSync(command, words, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function untilItAnswers(isReady: () => boolean, insist: () => void): Promise<void> {
  for (const end = performance.now() + 30_000; !isReady(); await delay(200)) {
    insist();
    if (performance.now() > end) throw new Error('The server does not start.');
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('a server that listens on a port has one');
  return address.port;
}
