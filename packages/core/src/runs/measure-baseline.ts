import type { TrainEvent } from '../fit/events.ts';
import type { MetaRun } from './meta-run.ts';
import { openTester } from './open-tester.ts';
import type { PreparedMeta } from './prepared-meta.ts';
import type { RunFolder } from './run-folder.ts';

/** The events of a run that has nothing to train: the backbone as it is, measured once on the validation episodes. */
export async function* measureBaseline(
  prepared: PreparedMeta,
  store: RunFolder<MetaRun>,
  signal: AbortSignal | undefined,
): AsyncGenerator<TrainEvent, void, undefined> {
  const { config, sets, initial, parallel } = prepared;
  const { runtime } = prepared.model;
  const { way, shots, queries, episodes, seed, learner } = config;
  const shape = { way, shots, queries };
  yield { kind: 'start', epochs: 1, stepsPerEpoch: 0, resumedAt: 0 };
  yield { kind: 'stage', name: learner, epoch: 1, epochs: 1 };
  const start = performance.now();
  const tester = await openTester(prepared, initial, { config, shape, steps: 0, runtime, parallel });
  let [correct, loss] = [0, 0];
  try {
    for (let i = 0; i < episodes; i++) {
      if (signal?.aborted) {
        yield { kind: 'interrupted', epoch: 1, step: 0 };
        return;
      }
      const [result] = await tester.test([sets.validation.draw(shape, [seed, 'validation', i])]);
      correct += result!.correct[0]!;
      loss += result!.losses[0]! / episodes;
    }
  } finally {
    await tester.close();
  }
  const evaluation = { loss, accuracy: correct / (episodes * way * queries) };
  const best = { ...evaluation, epoch: 1 };
  const seconds = (performance.now() - start) / 1000;
  const event = {
    ...({ kind: 'evaluation', stage: learner, epoch: 1, step: 0, ...evaluation, training: evaluation } as const),
    isBest: true,
    learningRate: 0,
    seconds,
  };
  await store.record(event);
  await store.saveBest(initial, best);
  yield event;
  yield { kind: 'end', best, isEarly: false };
}
