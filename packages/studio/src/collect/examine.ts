/** An image for the worker that examines it. */
export interface ToExamine {
  readonly id: number;
  readonly name: string;
  readonly file: Blob;
}

/** The type that the content of an image has, or why it cannot be used. */
export type Examined =
  | { readonly id: number; readonly type: string; readonly problem: null }
  | { readonly id: number; readonly type: null; readonly problem: string };

let worker: Worker | undefined;
let next = 0;
const waiting = new Map<number, (answer: Examined) => void>();

/** Decodes an image in a worker, which is started with the first. */
export function examine(name: string, file: Blob): Promise<Examined> {
  worker ??= start();
  const id = next++;
  const question: ToExamine = { id, name, file };
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    worker?.postMessage(question);
  });
}

function start(): Worker {
  const started = new Worker(new URL('./examine-worker.ts', import.meta.url), { type: 'module' });
  started.addEventListener('message', ({ data }: MessageEvent<Examined>) => {
    waiting.get(data.id)?.(data);
    waiting.delete(data.id);
  });
  started.addEventListener('error', ({ message }) => {
    for (const [id, answer] of waiting) answer({ id, type: null, problem: `it cannot be examined (${message})` });
    waiting.clear();
    worker = undefined;
  });
  return started;
}
