import { type ChildProcess, spawn } from 'node:child_process';
import { conversation } from '../peer.ts';

/** The first line of a side: it is set up, and has taken a few steps from the given weights. */
export interface Ready {
  readonly versions: Readonly<Record<string, string>>;
  /** The losses of the first steps, or the first logits of a forward pass: both sides must agree on them. */
  readonly check: readonly number[];
  /** The setting that this side works with, in words. */
  readonly setting: string;
}

/** Steps in a row. */
export interface Turn {
  /** Of each step. */
  readonly milliseconds: readonly number[];
  /** Processor time of all steps, in milliseconds, of all threads. */
  readonly processor: number;
  /** Processor time since the turn before, while the others had theirs. */
  readonly idle: number;
  /** The most memory the process ever had, in bytes. */
  readonly peak: number;
}

/** A process that takes steps on command, and is stopped in between, so that no thread of it spins in another's turn. */
export interface Side {
  readonly ready: Ready;
  /** Seconds from the start of the process until it was ready. */
  readonly seconds: number;
  take(steps: number): Promise<Turn>;
  close(): Promise<void>;
}

export interface SideCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Those that live: a process that is stopped would not notice that its parent has ended. */
const living = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

/** @throws Error with the last line of its complaints, where the process ends before it is ready */
export async function startSide({ command, args, env = {} }: SideCommand): Promise<Side> {
  const began = performance.now();
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  living.add(child);
  const ended = new Promise<void>((resolve) =>
    child.once('close', () => {
      living.delete(child);
      resolve();
    }),
  );
  const ask = conversation(child);
  const ready = (await ask()) as Ready;
  const seconds = (performance.now() - began) / 1000;
  child.kill('SIGSTOP');
  return {
    ready,
    seconds,
    async take(steps) {
      child.kill('SIGCONT');
      const turn = (await ask(`${steps}\n`)) as Turn;
      child.kill('SIGSTOP');
      return turn;
    },
    async close() {
      child.stdin.end();
      child.kill('SIGCONT');
      await ended;
    },
  };
}
