/*
 * Computes for the panel, so that the page never waits. What a task needs is loaded when it is first asked for: the plan
 * of a network needs no WebAssembly.
 */
import startFile from '../../../graft-ml/assets/starts/omniglot/best.safetensors?url';
import startRun from '../../../graft-ml/assets/starts/omniglot/run.json?url';
import type { Start } from './inner-loop/inner-loop.ts';
import type { Reply, Request, RequestOf, TaskName, Tasks } from './tasks.ts';

type Tell<T extends TaskName> = (progress: Tasks[T]['progress']) => void;

const answers: {
  readonly [T in TaskName]: (question: Tasks[T]['question'], tell: Tell<T>) => Promise<Tasks[T]['answer']>;
} = {
  async plan(question) {
    const { networkPlan } = await import('./layers/network-plan.ts');
    return networkPlan(question);
  },
  async trace(question, tell) {
    const { traceLearners } = await import('./inner-loop/inner-loop.ts');
    const total = question.learners.length;
    return traceLearners(await openStart(), question, await openRuntime(), (done) => tell({ done, total }));
  },
  async surface(question, tell) {
    const { surfaceOf } = await import('./inner-loop/inner-loop.ts');
    const onProgress = (done: number, total: number) => tell({ done, total });
    return surfaceOf(await openStart(), question, { runtime: await openRuntime(), onProgress });
  },
  async study(question, tell) {
    const { transferStudy } = await import('./transfer/transfer-study.ts');
    return transferStudy(question, await openRuntime(), tell);
  },
};

/** Graphs here run a few times each: timing their lowerings would take longer than that. */
async function openRuntime() {
  const { createRuntime } = await import('@graft-ml/web');
  return createRuntime({ cache: null, tune: false });
}

let start: Promise<Start> | undefined;

function openStart(): Promise<Start> {
  start ??= readStart();
  return start;
}

async function readStart(): Promise<Start> {
  const { startOf } = await import('./inner-loop/inner-loop.ts');
  const [run, file] = await Promise.all([fetch(startRun), fetch(startFile)]);
  for (const { ok, status, url } of [run, file]) if (!ok) throw new Error(`${url} could not be loaded: ${status}.`);
  return startOf('omniglot', await run.json(), new Uint8Array(await file.arrayBuffer()));
}

const reply = <T extends TaskName>(message: Reply<T>) => self.postMessage(message);

async function answer<T extends TaskName>({ task, question }: RequestOf<T>): Promise<void> {
  try {
    reply<T>({
      kind: 'answer',
      answer: await answers[task](question, (progress) => reply<T>({ kind: 'progress', progress })),
    });
  } catch (error) {
    reply<T>({ kind: 'problem', message: error instanceof Error ? error.message : String(error) });
  }
}

self.onmessage = ({ data }: MessageEvent<Request>) => answer(data);
