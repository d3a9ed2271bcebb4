import type PromClient from 'prom-client';
import { residentBytes } from '../files/own-process.ts';
import type { Admission } from './admission.ts';
import type { Decoders } from './decoders.ts';
import type { PoolEvents } from './model-pool.ts';
import type { ServedModels } from './served-models.ts';

/** What the server counts and measures, for Prometheus. */
export interface Metrics {
  request(labels: { route: string; method: string; status: number }, seconds: number): void;
  refusal(code: string): void;
  stage(name: 'decode', milliseconds: number): void;
  poolEvents(model: string): PoolEvents;
  lost(kind: 'inference' | 'decoder'): void;
  reload(model: string, isDone: boolean): void;
  /** Watches what can be looked at at any time. */
  watch(parts: { readonly models: ServedModels; readonly decoders: Decoders; readonly admission: Admission }): void;
  /** The text format of Prometheus. */
  text(): Promise<string>;
  readonly contentType: string;
}

const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export function createMetrics({
  Registry,
  Counter,
  Gauge,
  Histogram,
  collectDefaultMetrics,
}: typeof PromClient): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    ...{ name: 'graft_requests_total', help: 'Requests answered', registers },
    labelNames: ['route', 'method', 'status'],
  });
  const seconds = new Histogram({
    ...{ name: 'graft_request_seconds', help: 'From the headers of a request to its answer', registers, buckets },
    labelNames: ['route'],
  });
  const refusals = new Counter({
    ...{ name: 'graft_errors_total', help: 'Requests answered with an error, by its code', registers },
    labelNames: ['code'],
  });
  const stages = new Histogram({
    ...{ name: 'graft_stage_seconds', help: 'Decoding, waiting for a batch, computing it', registers, buckets },
    labelNames: ['stage'],
  });
  const batches = new Histogram({
    ...{ name: 'graft_batch_images', help: 'Images in a batch', registers, buckets: [1, 2, 4, 8, 16, 32, 64] },
    labelNames: ['model'],
  });
  const losses = new Counter({
    ...{ name: 'graft_processes_lost_total', help: 'Processes that broke down', registers },
    labelNames: ['kind'],
  });
  const reloads = new Counter({
    ...{ name: 'graft_reloads_total', help: 'Reloads of a model', registers },
    labelNames: ['model', 'outcome'],
  });
  const lost = (kind: string) => losses.inc({ kind });

  return {
    request: ({ route, method, status }, taken) => {
      requests.inc({ route, method, status });
      seconds.observe({ route }, taken);
    },
    refusal: (code) => refusals.inc({ code }),
    stage: (stage, milliseconds) => stages.observe({ stage }, milliseconds / 1000),
    lost,
    reload: (model, isDone) => reloads.inc({ model, outcome: isDone ? 'done' : 'failed' }),
    poolEvents: (model) => ({
      onBatch: (images, milliseconds) => {
        batches.observe({ model }, images);
        stages.observe({ stage: 'compute' }, milliseconds / 1000);
      },
      onDecode: (milliseconds) => stages.observe({ stage: 'decode' }, milliseconds / 1000),
      onWait: (milliseconds) => stages.observe({ stage: 'queue' }, milliseconds / 1000),
      onLost: () => lost('inference'),
    }),
    watch({ models, decoders, admission }) {
      const gauge = (name: string, help: string, labelNames: string[], collect: (own: PromClient.Gauge) => void) =>
        new Gauge({
          ...{ name, help, labelNames, registers },
          collect() {
            this.reset();
            collect(this);
          },
        });
      const pools = () => models.names.map((name) => [name, models.current(name).pool] as const);
      gauge('graft_queue_images', 'Images that wait for a batch', ['model'], (own) => {
        for (const [model, pool] of pools()) own.set({ model }, pool.waiting);
      });
      gauge('graft_workers_ready', 'Processes that have the model open', ['model'], (own) => {
        for (const [model, pool] of pools()) own.set({ model }, pool.ready);
      });
      gauge('graft_requests_active', 'Requests at work', [], (own) => own.set(admission.active));
      gauge('graft_requests_waiting', 'Requests that wait for others to end', [], (own) => own.set(admission.waiting));
      gauge('graft_decode_waiting', 'Images that wait to be decoded', [], (own) => own.set(decoders.waiting));
      gauge('graft_body_bytes', 'Bytes of request bodies that are held', [], (own) => own.set(admission.held));
      gauge('graft_process_memory_bytes', 'Resident memory of processes', ['kind'], (own) => {
        const sum = (pids: readonly number[]) => pids.reduce((bytes, pid) => bytes + residentBytes(pid), 0);
        own.set({ kind: 'server' }, process.memoryUsage.rss());
        own.set({ kind: 'decoder' }, sum(decoders.pids));
        own.set({ kind: 'inference' }, sum(pools().flatMap(([, pool]) => pool.pids)));
      });
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
