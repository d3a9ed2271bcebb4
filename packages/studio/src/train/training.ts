import type { StepEvent } from '@graft-ml/core/internal/fit/events';
import type { TrainConfigInput } from '@graft-ml/core/internal/recipe/index';
import type { Preparation } from '@graft-ml/core/internal/runs/prepared';
import type { RunEvent } from '@graft-ml/core/internal/runs/run-events';
import type { FeatureStart } from '@graft-ml/web/internal/meta/adapt';
import { signal } from '@preact/signals';
import * as z from 'zod';
import { graft } from './graft.ts';
import { collectionImages } from './images.ts';
import { refreshRuns } from './runs.ts';
import { type Backbone, shippedBackbone } from './ways.ts';

/** An epoch, measured. */
export interface Measured {
  readonly epoch: number;
  readonly loss: number;
  readonly accuracy: number;
  readonly training: { readonly loss: number; readonly accuracy: number };
}

/** A run that is under way, or has just ended. */
export interface Training {
  readonly out: string;
  readonly phase: 'preparing' | 'training' | 'pausing' | 'paused' | 'done' | 'failed';
  readonly preparation: Preparation | null;
  /** What was said about the images and the options, a sentence each. */
  readonly notes: readonly string[];
  readonly stage: string | null;
  readonly epochs: number;
  /** Steps of all epochs. */
  readonly steps: number;
  readonly stepsDone: number;
  readonly step: StepEvent | null;
  /** What is left, in seconds; null before there is something to go by. */
  readonly secondsLeft: number | null;
  readonly evaluations: readonly Measured[];
  readonly accuracy: number | null;
  readonly problem: string | null;
}

const beginning: Omit<Training, 'out'> = {
  phase: 'preparing',
  preparation: null,
  notes: [],
  stage: null,
  epochs: 0,
  steps: 0,
  stepsDone: 0,
  step: null,
  secondsLeft: null,
  evaluations: [],
  accuracy: null,
  problem: null,
};

const state = signal<Training | null>(null);
let controller = new AbortController();

/** The run that this page trains, or trained last. It goes on while one goes through the other steps. */
export function training(): Training | null {
  return state.value;
}

export function isTraining(): boolean {
  return ['preparing', 'training', 'pausing'].includes(state.value?.phase ?? 'done');
}

function update(change: Partial<Training>): void {
  const last = state.peek();
  if (last) state.value = { ...last, ...change };
}

/** Trains on the collection into a new run. */
export async function startTraining(out: string, config: TrainConfigInput): Promise<void> {
  await follow(out, (call) => ({
    async *[Symbol.asyncIterator]() {
      if (config.weights === shippedBackbone.weights) await keepShipped();
      yield* graft().train(collectionImages(), config, { out, ...call });
    },
  }));
}

/** Goes on with a run that was paused, or that a closed page left. */
export async function resumeTraining(out: string): Promise<void> {
  await follow(out, (call) => ({
    async *[Symbol.asyncIterator]() {
      update({ evaluations: await loggedEvaluations(out) });
      yield* graft().resume(out, collectionImages(), call);
    },
  }));
}

const numbers = z.object({ loss: z.number(), accuracy: z.number() });
const logged = numbers.extend({ epoch: z.int(), training: numbers });

/** The epochs that a run has behind it, by its log. */
async function loggedEvaluations(out: string): Promise<Measured[]> {
  const log = (await graft().readRunFiles(out)).get('metrics.jsonl');
  if (!log) return [];
  const lines = new TextDecoder()
    .decode(log)
    .split('\n')
    .filter((line) => line !== '');
  return lines.flatMap((line) => logged.safeParse(JSON.parse(line)).data ?? []);
}

/** Adapts the meta-learned start that comes with Graft to the collection. */
export function startAdapting(out: string): Promise<void> {
  return adapted(out, 'omniglot', { startsAt: './starts/' });
}

/** Takes the class means of the features of pretrained weights. */
export function startClassMeans(out: string, { model, weights }: Backbone): Promise<void> {
  if (weights === null) throw new Error('Class means need a pretrained backbone.');
  return adapted(out, { model, weights, learner: 'nearest-centroid' });
}

function adapted(
  out: string,
  start: string | FeatureStart,
  options: { readonly startsAt?: string } = {},
): Promise<void> {
  return guarded(out, async (call) => {
    const { notes } = await graft().adapt(start, collectionImages(), { out, ...options, ...call });
    update({ phase: 'done', notes });
  });
}

/** Stops after the step under way, with everything saved. */
export function pauseTraining(): void {
  update({ phase: 'pausing' });
  controller.abort(new DOMException('Paused.', 'AbortError'));
}

interface Call {
  readonly signal: AbortSignal;
  onProgress(preparation: Preparation): void;
}

async function guarded(out: string, work: (call: Call) => Promise<void>): Promise<void> {
  controller = new AbortController();
  state.value = { ...beginning, out };
  const { signal } = controller;
  try {
    await work({ signal, onProgress: (preparation) => update({ preparation }) });
  } catch (error) {
    const isPaused = signal.aborted && state.peek()?.phase === 'pausing';
    const problem = error instanceof Error ? error.message : String(error);
    update(isPaused ? { phase: 'paused' } : { phase: 'failed', problem });
  } finally {
    await refreshRuns();
  }
}

function follow(out: string, events: (call: Call) => AsyncIterable<RunEvent>): Promise<void> {
  return guarded(out, async (call) => {
    const clock = startClock();
    for await (const event of events(call)) take(event, clock);
  });
}

/** When steps were taken, for what is left: the first of a stage take longer, so it goes by the latest. */
function startClock() {
  const times: number[] = [];
  return (stepsLeft: number): number | null => {
    times.push(performance.now());
    if (times.length > 60) times.shift();
    if (times.length < 5) return null;
    return ((times.at(-1)! - times[0]!) / 1000 / (times.length - 1)) * stepsLeft;
  };
}

function take(event: RunEvent, secondsLeft: (stepsLeft: number) => number | null): void {
  const now = state.peek();
  if (!now) return;
  if (event.kind === 'ready') {
    update({ notes: [...event.notes, ...event.run.warnings.map(({ message }) => message)] });
  } else if (event.kind === 'start') {
    const { epochs, stepsPerEpoch, resumedAt } = event;
    const phase = now.phase === 'pausing' ? now.phase : 'training';
    update({ phase, epochs, steps: epochs * stepsPerEpoch, stepsDone: resumedAt, preparation: null });
  } else if (event.kind === 'stage') update({ stage: event.name, preparation: null });
  else if (event.kind === 'step') {
    const stepsDone = (event.epoch - 1) * event.steps + event.step;
    update({ step: event, stepsDone, secondsLeft: secondsLeft(now.steps - stepsDone), preparation: null });
  } else if (event.kind === 'evaluation')
    update({ evaluations: [...now.evaluations.filter(({ epoch }) => epoch < event.epoch), event] });
  else if (event.kind === 'interrupted' || event.kind === 'cancelled') update({ phase: 'paused' });
  else if (event.kind === 'end') update({ phase: 'done', accuracy: event.best.accuracy });
}

/** Brings the backbone that comes with the page to where weights are looked for. */
async function keepShipped(): Promise<void> {
  const { weights } = shippedBackbone;
  if ((await graft().keptWeights()).includes(weights)) return;
  const response = await fetch(new URL(weights, document.baseURI));
  if (!response.ok) throw new Error('The backbone could not be loaded from the server that this page came from.');
  await graft().keepWeights({ name: weights.split('/').at(-1)!, content: await response.blob() });
}
