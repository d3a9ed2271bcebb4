import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandOptions, Sink } from './case.ts';
import { survivors, useOf } from './processes.ts';

export interface Bounds {
  /** Of processor time, so that a busy machine makes nothing slow; and of waiting, where nothing is computed. */
  readonly seconds: number;
  readonly mebibytes: number;
}

/** What a command came to. */
export interface Outcome {
  readonly command: string;
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly seconds: number;
  /** The most that its processes held together, as far as looking every 50 milliseconds can say. */
  readonly mebibytes: number;
  /** The bound that ended it, if one did. */
  readonly exceeded: 'time' | 'memory' | 'output' | null;
  /** Whether it was told to end by the case. */
  readonly wasKilled: boolean;
  /** Processes that were still there when it had ended. */
  readonly leftovers: readonly string[];
}

const MOST_OUTPUT = 2 ** 25; // bytes; a hundred thousand problems as JSON are half of that
const LOOK_EVERY = 50; // milliseconds
let count = 0;

/**
 * Runs a command in a process group of its own, under bounds that are enforced from outside: it is watched, and everything that
 * belongs to it is ended when it takes too much.
 */
export async function runBounded(
  argv: readonly string[],
  { cwd, environment, bounds }: { cwd: string; environment: NodeJS.ProcessEnv; bounds: Bounds },
  { stdin, kill, stdout = 'read', stderr = 'read' }: CommandOptions,
): Promise<Outcome> {
  const mark = `${process.pid}-${count++}`;
  const [out, err] = [sinkOf(stdout), sinkOf(stderr)];
  const start = performance.now();
  const shell = closing(argv, stdout, stderr);
  const child = spawn(shell[0]!, shell.slice(1), {
    cwd,
    env: { ...environment, GRAFT_ATTACK: mark },
    detached: true,
    stdio: [stdin ? 'pipe' : 'ignore', out.stdio, err.stdio],
  });
  const group = child.pid ?? Number.NaN;
  let exceeded: Outcome['exceeded'] = null;
  let peak = 0;
  const end = (why: Outcome['exceeded'], signal: NodeJS.Signals = 'SIGKILL') => {
    exceeded ??= why;
    signalGroup(group, signal);
  };
  const [outBytes, errBytes] = [collect(child.stdout, stdout, end), collect(child.stderr, stderr, end)];
  child.stdin?.on('error', () => {}); // it need not read what it is given
  child.stdin?.end(stdin);
  const clock = isOverdue(bounds.seconds);
  const watch = setInterval(() => {
    const { memory, processor } = useOf(group);
    peak = Math.max(peak, memory);
    if (peak > bounds.mebibytes) end('memory');
    else if (clock(processor)) end('time');
  }, LOOK_EVERY);
  const killing = kill && killAt(child, kill, errBytes);
  const [status, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (...ended) => resolve(ended));
  });
  const seconds = (performance.now() - start) / 1000;
  clearInterval(watch);
  for (const sink of [out, err]) sink.close();
  const leftovers = await clearAway(group, `GRAFT_ATTACK=${mark}`);
  await drained(child);
  return {
    command: argv.slice(1).join(' '),
    status,
    signal,
    stdout: Buffer.concat(outBytes),
    stderr: Buffer.concat(errBytes),
    seconds,
    mebibytes: peak,
    exceeded,
    wasKilled: (await killing) ?? false,
    leftovers,
  };
}

/** What has computed nothing for so long waits for something, in seconds. */
const IDLE = 5;
/** How busy a machine may be: a second of processor time may take so many. */
const PATIENCE = 10;

/** Says whether a command that has had so much processor time has taken too long. */
function isOverdue(seconds: number): (processor: number) => boolean {
  const start = performance.now();
  let [last, lastAt] = [0, start];
  return (processor) => {
    const now = performance.now();
    if (processor !== last) [last, lastAt] = [processor, now];
    const [passed, idle] = [(now - start) / 1000, (now - lastAt) / 1000];
    return processor > seconds || (passed > seconds && idle > IDLE) || passed > PATIENCE * seconds;
  };
}

/** A descriptor that is not open cannot be handed over by `spawn`: a shell closes it. */
function closing(argv: readonly string[], stdout: Sink, stderr: Sink): readonly string[] {
  const redirections = `${stdout === 'closed' ? ' >&-' : ''}${stderr === 'closed' ? ' 2>&-' : ''}`;
  return redirections === '' ? argv : ['/bin/sh', '-c', `exec "$@"${redirections}`, 'sh', ...argv];
}

function sinkOf(sink: Sink): { stdio: 'pipe' | 'ignore' | number; close(): void } {
  if (sink === 'closed') return { stdio: 'ignore', close: () => {} };
  if (sink !== 'full') return { stdio: 'pipe', close: () => {} };
  const descriptor = openSync('/dev/full', 'w');
  return { stdio: descriptor, close: () => closeSync(descriptor) };
}

function collect(stream: NodeJS.ReadableStream | null, sink: Sink, end: (why: 'output') => void): Buffer[] {
  const chunks: Buffer[] = [];
  let length = 0;
  stream?.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MOST_OUTPUT) end('output');
    if (sink === 'leaves' && 'destroy' in stream && typeof stream.destroy === 'function') stream.destroy();
  });
  return chunks;
}

/** Whether the signal was sent while the command still ran. */
async function killAt(
  child: ChildProcess,
  { signal, after }: NonNullable<CommandOptions['kill']>,
  stderr: readonly Buffer[],
): Promise<boolean> {
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  while (after.text && !hasEnded() && !Buffer.concat(stderr).includes(after.text)) await sleep(5);
  const until = performance.now() + after.milliseconds;
  while (!hasEnded() && performance.now() < until) await sleep(2);
  return !hasEnded() && child.kill(signal);
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    if (Number.isInteger(group)) process.kill(-group, signal);
  } catch {
    // Nobody is left.
  }
}

/** Ends what is left of a command, after a moment in which it may end by itself. */
async function clearAway(group: number, variable: string): Promise<string[]> {
  let left = survivors(group, variable);
  for (let waited = 0; left.length > 0 && waited < 3000; waited += 100) {
    await sleep(100);
    left = survivors(group, variable);
  }
  for (const { id } of left) {
    try {
      process.kill(id, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
  return left.map(({ name, id }) => `${name} (${id})`);
}

/** Until all that was written has been read. */
async function drained(child: ChildProcess): Promise<void> {
  const streams = [child.stdout, child.stderr].flatMap((stream) => (stream ? [stream] : []));
  for (let waited = 0; waited < 1000 && streams.some(({ destroyed }) => !destroyed); waited += 5) await sleep(5);
  for (const stream of streams) stream.destroy();
}
