/* Servers of the same network, started for a measurement: Graft's, and plain ones of FastAPI. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../packages/graft-ml/dist/cli/main.js', import.meta.url));
const scripts = fileURLToPath(new URL('../../bench/peer/', import.meta.url));

/** A server under load. */
export interface Contender {
  readonly name: string;
  readonly url: string;
  readonly child: ChildProcess;
  close(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** @param options further ones of `graft serve` */
export function startGraft(name: string, model: string, options: readonly string[] = []): Promise<Contender> {
  const command = (port: number) => [
    program,
    'serve',
    `model=${model}`,
    '--port',
    String(port),
    '--log-level',
    'error',
    ...options,
  ];
  return start(name, process.execPath, command, '/health/ready');
}

export function startFastApi(
  name: string,
  python: string,
  model: string,
  { workers, threads }: { readonly workers: number; readonly threads: number },
): Promise<Contender> {
  const sizes = ['--workers', String(workers), '--threads', String(threads)];
  const command = (port: number) => ['fastapi_server.py', model, '--port', String(port), ...sizes];
  return start(name, python, command, '/versions');
}

async function start(
  name: string,
  executable: string,
  command: (port: number) => readonly string[],
  ready: string,
): Promise<Contender> {
  const port = await freePort();
  const child = spawn(executable, command(port), { cwd: scripts, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk) => (said += chunk));
  const url = `http://127.0.0.1:${port}`;
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  for (let i = 0; ; i++) {
    const answer = await fetch(url + ready).catch(() => undefined);
    if (answer?.ok) break;
    if (child.exitCode !== null || i > 600) throw new Error(`${name} did not start: ${said.slice(-1000)}`);
    await delay(200);
  }
  return {
    name,
    url,
    child,
    close: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** The resident memory of a process and all that it started, in bytes. */
export function memoryOf(pid: number): number {
  return familyOf(pid).reduce((sum, each) => sum + residentOf(each), 0);
}

/** The processor time of a process and all that it started, in seconds. */
export function processorTimeOf(pid: number): number {
  return familyOf(pid).reduce((sum, each) => {
    const fields = read(`/proc/${each}/stat`)
      .replace(/^.*\) /s, '')
      .split(' ');
    return sum + (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100;
  }, 0);
}

/** A process and all that it started. */
export function familyOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? read(`/proc/${name}/stat`) : '';
    const parent = /\) \S (\d+) /s.exec(stat)?.[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const family = [pid];
  for (const one of family) for (const [child, parent] of parents) if (parent === one) family.push(child);
  return family;
}

export function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
}

export function residentOf(pid: number): number {
  return 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** A form with one file, as bytes: the same for every server. */
export function formOf(image: Uint8Array): { readonly body: Buffer; readonly headers: Record<string, string> } {
  const boundary = 'graft-benchmark';
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n`;
  const body = Buffer.concat([Buffer.from(head), image, Buffer.from(`\r\n--${boundary}--\r\n`)]);
  return { body, headers: { 'content-type': `multipart/form-data; boundary=${boundary}` } };
}
