import { connectGraft, type Graft } from '@graft-ml/web/internal/worker/connect';

let connected: Graft | undefined;

/** Graft in its worker, which is started when it is first asked for. */
export function graft(): Graft {
  connected ??= connectGraft(new Worker(new URL('./graft-worker.ts', import.meta.url), { type: 'module' }));
  return connected;
}
