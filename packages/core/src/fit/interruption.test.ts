import { describe, expect, test } from 'vitest';
import { numbers } from '../../../../test/run.ts';
import { run, runtime, slowStore, taskOf, validation } from '../../../../test/toy-run.ts';
import { collect, differing, memoryStore } from '../../../../test/training.ts';
import { randomStream } from '../base/random.ts';
import { f32, type Tensors } from '../base/tensor.ts';
import { constant, sgd } from '../optim/index.ts';
import { LossError } from './loss-error.ts';
import type { Source } from './source.ts';
import { train } from './trainer.ts';

describe('interruption', () => {
  const stream = randomStream(7, 'interruptions');

  test.each([1, 5, 10, ...Array.from({ length: 4 }, () => 1 + stream.integer(28))])(
    'after step %i and resumed, a run ends bit for bit like one that was not interrupted',
    async (stopAfter) => {
      const whole = await run(taskOf());
      const cut = await run(taskOf(), { stopAfter });
      expect(cut.events.at(-1)).toMatchObject({ kind: 'interrupted' });
      const rest = await run(taskOf(), { resume: cut.store.last! });
      expect(rest.events[0]).toMatchObject({ kind: 'start', resumedAt: stopAfter });
      expect(differing(whole.store.last!.tensors, rest.store.last!.tensors)).toEqual([]);
      expect(rest.store.last!.phase).toEqual(whole.store.last!.phase);
      const best = rest.store.best ?? cut.store.best;
      expect(differing(whole.store.best!.tensors, best!.tensors)).toEqual([]);
      const logged = [...cut.store.log, ...rest.store.log].map(({ seconds: _, ...event }) => event);
      expect(logged).toEqual(whole.store.log.map(({ seconds: _, ...event }) => event));
    },
  );

  test('two interruptions, one of them at the end of an epoch', async () => {
    const whole = await run(taskOf());
    const first = await run(taskOf(), { stopAfter: 5 });
    expect(first.events.at(-1)).toEqual({ kind: 'interrupted', epoch: 1, step: 5 });
    const second = await run(taskOf(), { resume: first.store.last!, stopAfter: 8 });
    expect(second.events.at(-1)).toEqual({ kind: 'interrupted', epoch: 3, step: 3 });
    const third = await run(taskOf(), { resume: second.store.last! });
    expect(differing(whole.store.last!.tensors, third.store.last!.tensors)).toEqual([]);
    expect(differing(whole.store.best!.tensors, (third.store.best ?? second.store.best)!.tensors)).toEqual([]);
  });

  test('in the middle of an evaluation, too', async () => {
    const controller = new AbortController();
    let looks = 0;
    const nosy: Source = {
      size: validation.size,
      async *batches(request) {
        for await (const batch of validation.batches(request)) {
          if (++looks === 5) controller.abort(); // 3 batches an evaluation
          yield batch;
        }
      },
    };
    const store = memoryStore();
    const events = await collect(
      train(taskOf({ validation: nosy }), { runtime: runtime(), store, signal: controller.signal }),
    );
    expect(events.at(-1)).toEqual({ kind: 'interrupted', epoch: 2, step: 5 });
    const [whole, rest] = [await run(taskOf()), await run(taskOf(), { resume: store.last! })];
    expect(differing(whole.store.last!.tensors, rest.store.last!.tensors)).toEqual([]);
  });

  test('a reader that stops reading leaves the best and the last checkpoint, however seldom they are written', async () => {
    const { memory, store } = slowStore();
    for await (const event of train(taskOf(), { runtime: runtime(), store })) {
      if (event.kind === 'evaluation' && event.epoch === 3) break;
    }
    expect(memory.last!.phase).toMatchObject({ epoch: 3, step: 0 });
    expect(memory.best!.epoch).toBe(memory.last!.phase.best!.epoch);
    const [whole, rest] = [await run(taskOf()), await run(taskOf(), { resume: memory.last! })];
    expect(differing(whole.store.last!.tensors, rest.store.last!.tensors)).toEqual([]);
  });
});

describe('errors', () => {
  test('a loss that is no number ends the run; the checkpoint before it stands', async () => {
    const store = memoryStore();
    const task = taskOf({ optimizer: sgd(), schedule: () => (step) => (step < 7 ? 0.01 : 1e30) });
    const failure = await collect(train(task, { runtime: runtime(), store })).catch((error: Error) => error);
    expect(failure).toBeInstanceOf(LossError);
    expect((failure as Error).message).toMatch(
      /^the loss became (NaN|-?Infinity) in step \d of epoch [23], at learning rate 1\.00e\+30\. Try a tenth/,
    );
    expect(store.last!.phase.epoch * 5 + store.last!.phase.step).toBeGreaterThanOrEqual(1);
    expect(numbers(store.best!.tensors['head.weight']).every(Number.isFinite)).toBe(true);
    expect(store.best!.epoch).toBe(1);
  });

  test('a state that is spoiled is not saved: what was saved before it stands', async () => {
    const { memory, store } = slowStore();
    const task = taskOf({ optimizer: sgd(), schedule: () => (step) => (step < 7 ? 0.01 : 1e30) });
    await expect(collect(train(task, { runtime: runtime(), store }))).rejects.toThrow(LossError);
    expect(memory.last!.phase).toMatchObject({ epoch: 0, step: 1 });
    expect(Object.values(memory.last!.tensors).every((value) => numbers(value).every(Number.isFinite))).toBe(true);
    expect(memory.best!.epoch).toBe(1); // written though no checkpoint was due
  });

  test('a loss that is no number in the evaluation is the same error', async () => {
    const all = taskOf({ batchSize: 64, epochs: 1, optimizer: sgd(), schedule: () => constant(1e38) });
    await expect(run(all)).rejects.toThrow(/the loss became (NaN|Infinity) in the validation after epoch 1/);
  });

  test('a checkpoint of another network is refused by name and shape', async () => {
    const { store } = await run(taskOf({ epochs: 1 }));
    const { 'head.bias': _, ...without } = store.last!.tensors;
    const resume = (tensors: Tensors) => run(taskOf(), { resume: { tensors, phase: store.last!.phase } });
    await expect(resume(without)).rejects.toThrow('head.bias is absent in it, f32[3] in the run');
    await expect(resume({ ...without, 'head.bias': f32([2], [0, 0]) })).rejects.toThrow(
      'head.bias is f32[2] in it, f32[3] in the run',
    );
    await expect(run(taskOf({ optimizer: sgd() }), { resume: store.last! })).rejects.toThrow('optimizer/');
  });
});
