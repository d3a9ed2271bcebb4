import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What a command line came to. */
export interface Outcome {
  /** The exit status; null where a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The built command, as it is installed. */
export const program = fileURLToPath(new URL('../packages/graft-ml/bin/graft.js', import.meta.url));

/** Starts the built command. `done` resolves when it has ended. */
export function startGraft(
  args: readonly string[],
  cwd?: string,
): { child: ChildProcessWithoutNullStreams; done: Promise<Outcome> } {
  const child = spawn(process.execPath, [program, ...args], { cwd });
  return { child, done: outcomeOf(child) };
}

/** What a process came to when it has ended. */
export function outcomeOf(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

/** Runs the built command to its end. */
export function graft(args: readonly string[], cwd?: string): Promise<Outcome> {
  return startGraft(args, cwd).done;
}

/** Resolves when the command has written `text` to stderr. */
export function written(child: ChildProcessWithoutNullStreams, text: string): Promise<void> {
  let seen = '';
  return new Promise((resolve, reject) => {
    child.stderr.on('data', (chunk) => {
      seen += chunk;
      if (seen.includes(text)) resolve();
    });
    child.on('close', () => reject(new Error(`the command ended without writing "${text}": ${seen}`)));
  });
}
