import { type ChildProcess, fork } from 'node:child_process';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { builtProgram } from '../files/own-process.ts';
import type { DataReference, Job, JobContext } from './job.ts';
import { jobKind } from './kinds.ts';

/** What a handler asks of the process that keeps its job: the methods of its context, by their names. */
export type Call =
  | { readonly method: 'saved'; readonly parameters: readonly [] }
  | { readonly method: 'data'; readonly parameters: readonly [DataReference, (readonly string[])?] }
  | { readonly method: 'put'; readonly parameters: readonly [string, Uint8Array] }
  | { readonly method: 'get'; readonly parameters: readonly [string, number?] }
  | { readonly method: 'has' | 'list' | 'remove'; readonly parameters: readonly [string] };

/** From the keeper of jobs to the process that does them. */
export type ToProcess =
  | { readonly kind: 'begin'; readonly job: Job; readonly folder: string; readonly place: string }
  | { readonly kind: 'stop' }
  | { readonly kind: 'answer'; readonly call: number; readonly value: unknown }
  | { readonly kind: 'refusal'; readonly call: number; readonly message: string };

/** And back. */
export type FromProcess =
  | { readonly kind: 'ready' }
  | { readonly kind: 'report'; readonly report: unknown }
  | ({ readonly kind: 'call'; readonly call: number } & Call)
  | { readonly kind: 'end'; readonly result: unknown }
  | { readonly kind: 'failure'; readonly message: string };

/** Does jobs in child processes, since ONNX Runtime blocks the thread that it runs in. */
export interface JobProcesses {
  /**
   * Does a job; null where its signal came first.
   *
   * @param onProcess is told the number of its process before that begins
   * @throws UserError where it fails, and would again; Error where its process broke down, or what it asked for failed
   */
  run(job: Job, context: JobContext<unknown>, onProcess?: (pid: number) => Promise<void>): Promise<unknown>;
  /** Ends the processes that wait for their next job. */
  close(): void;
}

/** A process that waits for its next job, and what it holds of the last. */
interface Idle {
  readonly child: ChildProcess;
  readonly kind: string;
  readonly holds: string | undefined;
}

/** Bytes of a process's last words that are told where it broke down. */
const lastWords = 2000;

/** @param environment variables for the processes, in place of this one's */
export function jobProcesses(environment: Readonly<Record<string, string>> = {}): JobProcesses {
  const idle: Idle[] = [];

  const take = ({ kind, task }: Job): ChildProcess => {
    const holds = jobKind(kind).holds?.(task);
    const own = idle.filter((each) => each.kind === kind);
    const chosen = own.find((each) => each.holds === holds) ?? own.at(-1);
    if (!chosen) return startProcess(environment);
    idle.splice(idle.indexOf(chosen), 1);
    return chosen.child.connected ? chosen.child : startProcess(environment);
  };
  const giveBack = ({ kind, task }: Job, child: ChildProcess): void => {
    const { isShort, holds } = jobKind(kind);
    if (isShort && child.connected) idle.push({ child, kind, holds: holds?.(task) });
    else child.kill('SIGKILL');
  };

  return {
    async run(job, context, onProcess) {
      jobKind(job.kind);
      const child = take(job);
      try {
        if (child.pid !== undefined) await onProcess?.(child.pid);
        const result = await converse(child, job, context);
        giveBack(job, child);
        return result;
      } catch (error) {
        child.kill('SIGKILL');
        throw error;
      }
    },
    close() {
      for (const { child } of idle.splice(0)) child.kill('SIGKILL');
    },
  };
}

function startProcess(environment: Readonly<Record<string, string>>): ChildProcess {
  return fork(builtProgram('jobs/job-process-main.js'), [], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...process.env, ...environment },
  });
}

/** Gives the process its job, answers what it asks for, and waits for its end. */
function converse(child: ChildProcess, job: Job, context: JobContext<unknown>): Promise<unknown> {
  const { folder, store, signal } = context;
  let said = '';
  let trouble: unknown;
  return new Promise((resolve, reject) => {
    const send = (message: ToProcess) => {
      if (child.connected) child.send(message, () => {});
    };
    const stop = () => send({ kind: 'stop' });
    const end = (settle: () => void) => {
      signal.removeEventListener('abort', stop);
      child.removeAllListeners();
      child.stderr?.removeAllListeners('data');
      settle();
    };
    const onCall = async ({ call, ...asked }: Extract<FromProcess, { kind: 'call' }>) => {
      try {
        send({ kind: 'answer', call, value: await answerTo(asked, context) });
      } catch (error) {
        trouble ??= error;
        send({ kind: 'refusal', call, message: error instanceof Error ? error.message : String(error) });
      }
    };
    child.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(-lastWords);
    });
    child.on('message', (message: FromProcess) => {
      if (message.kind === 'report') context.report(message.report);
      if (message.kind === 'call') void onCall(message);
      if (message.kind === 'end') end(() => resolve(message.result));
      // What its keeper could not do for it is not the job's failure.
      if (message.kind === 'failure') end(() => reject(trouble ?? new UserError(message.message)));
    });
    child.on('error', (error) => end(() => reject(error)));
    const onExit = (code: number | null, name: NodeJS.Signals | null) => {
      end(() => reject(new Error(`The process of the job ended by ${name ?? `status ${code}`}. ${said}`.trim())));
    };
    child.on('exit', onExit);
    // Perhaps before this was listened for.
    if (child.exitCode !== null || child.signalCode !== null) onExit(child.exitCode, child.signalCode);
    send({ kind: 'begin', job, folder, place: store.place });
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
}

async function answerTo(call: Call, { store, saved, data }: JobContext<unknown>): Promise<unknown> {
  switch (call.method) {
    case 'saved':
      return saved();
    case 'data':
      return data(...call.parameters);
    case 'put':
      return store.put(...call.parameters);
    case 'get':
      return store.get(...call.parameters);
    case 'has':
      return store.has(...call.parameters);
    case 'remove':
      return store.remove(...call.parameters);
    case 'list': {
      const keys: string[] = [];
      for await (const key of store.list(...call.parameters)) keys.push(key);
      return keys;
    }
  }
}
