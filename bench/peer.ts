import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Contender } from './harness.ts';

// From dist/bench/peer.js, and from bench/peer.ts alike.
const scripts = fileURLToPath(
  new URL(import.meta.url.includes('/dist/') ? '../../bench/peer/' : './peer/', import.meta.url),
);

/** A peer, and where its script does several things, each of them by name. */
export interface Peer extends Contender {
  named(name: string): Contender;
}

/**
 * Starts a Python script of bench/peer, which stays alive and waits between blocks.
 * @throws Error where it ends before it says what it is: Python or PyTorch is missing.
 */
export async function startPeer(python: string, script: string, options: readonly string[]): Promise<Peer> {
  const { ask, close } = startScript(python, script, options);
  const versions = (await ask()) as Record<string, unknown>;
  return {
    versions,
    time: async (count) => (await ask(`${count}\n`)) as number[],
    named: (name) => ({
      versions,
      time: async (count) => (await ask(`${name} ${count}\n`)) as number[],
      close: async () => {},
    }),
    close: async () => close(),
  };
}

/** A script of bench/peer that answers each line with a line of JSON, the first one unasked. */
export interface Script {
  ask(line?: string): Promise<unknown>;
  close(): void;
}

/** Starts a Python script of bench/peer. */
export function startScript(python: string, script: string, options: readonly string[] = []): Script {
  const child = spawn(python, [script, ...options], { cwd: scripts, stdio: ['pipe', 'pipe', 'pipe'] });
  return { ask: conversation(child), close: () => child.stdin.end() };
}

/** Sends a line, if any, and gives back the next line of the answer, parsed. */
export function conversation(child: ChildProcess): (line?: string) => Promise<unknown> {
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  let complaints = '';
  child.stderr!.on('data', (text) => {
    complaints += text;
  });
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('close', () => reject(new Error(complaints.trim().split('\n').at(-1) || 'the process ended')));
  });
  failed.catch(() => {}); // it is looked at only while a line is awaited
  return async (line) => {
    if (line !== undefined) child.stdin!.write(line);
    const next = await Promise.race([lines.next(), failed]);
    return next.done ? failed : JSON.parse(next.value);
  };
}
