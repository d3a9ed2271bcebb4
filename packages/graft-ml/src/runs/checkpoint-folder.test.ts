import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { f32 } from '@graft-ml/core/internal/base/tensor';
import { tensorDataset } from '@graft-ml/core/internal/fit/examples';
import { fit } from '@graft-ml/core/internal/fit/fit';
import { meanAbsoluteError, meanSquaredError } from '@graft-ml/core/internal/fit/metrics';
import { createModel } from '@graft-ml/core/internal/fit/model';
import { memoryRuns } from '@graft-ml/core/internal/fit/run-store';
import { linear, mseLoss } from '@graft-ml/core/nn';
import { adam } from '@graft-ml/core/optim';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../../test/images.ts';
import { gaussian, numbers } from '../../../../test/run.ts';
import { collect, differing } from '../../../../test/training.ts';
import { createRuntime } from '../runtime/index.ts';
import { checkpointFolder } from './checkpoint-folder.ts';
import { openRunStore } from './run-store.ts';

const runtime = createRuntime({ cache: null, threads: 1 });
const x = gaussian([30, 3], 'x');
const y = f32(
  [30, 1],
  Array.from({ length: 30 }, (_, i) => numbers(x)[3 * i]! - 2 * numbers(x)[3 * i + 1]!),
);
const data = { train: tensorDataset(x, y) };
const model = () =>
  createModel((s, value) => linear(s.at('out'), value, { features: 1 }), {
    input: { dtype: 'f32', shape: [3] },
    runtime,
  });
const options = {
  epochs: 5,
  batchSize: 10,
  optimizer: adam({ learningRate: 0.1 }),
  loss: mseLoss(),
  metrics: [meanAbsoluteError()],
};

test.each([
  ['a folder', undefined],
  ['memory', memoryRuns()],
])('a fit that is kept in %s goes on in another process, bit for bit', async (_, openStore) => {
  const path = join(temporaryFolder(), 'checkpoints', 'x');
  const open = () => checkpointFolder(path, { metrics: options.metrics, ...(openStore && { openStore }) });
  const whole = model();
  const all = await collect(fit(whole, data, options));

  const controller = new AbortController();
  let steps = 0;
  for await (const { kind } of fit(model(), data, {
    ...options,
    store: open(),
    resume: true,
    signal: controller.signal,
  })) {
    if (kind === 'step' && ++steps === 8) controller.abort(); // in the midst of the third epoch
  }
  const resumed = model();
  const rest = await collect(fit(resumed, data, { ...options, store: open(), resume: true }));
  expect(rest[0]).toMatchObject({ kind: 'start', resumedAt: 8 });
  expect(differing(whole.variables, resumed.variables)).toEqual([]);
  const ends = [all, rest].map((events) => events.findLast((event) => event.kind === 'evaluation')!);
  expect({ ...ends[1], seconds: 0 }).toEqual({ ...ends[0], seconds: 0 });
  const store = (openStore ?? openRunStore)(path);
  const logged = linesOf(await store.read('metrics.jsonl'));
  const evaluations = all.flatMap(({ kind, ...event }) => (kind === 'evaluation' ? [event] : []));
  expect(logged).toEqual(evaluations.map((event) => ({ ...event, seconds: expect.any(Number) })));
  expect((await store.names()).sort()).toEqual(['best.safetensors', 'last.safetensors', 'metrics.jsonl']);
});

function linesOf(log: Uint8Array): unknown[] {
  const lines = Buffer.from(log).toString().trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line));
}

test('belongs to one fit until that ends, however that comes', async () => {
  const path = join(temporaryFolder(), 'held');
  const open = () => checkpointFolder(path, { metrics: options.metrics });
  const second = () => collect(fit(model(), data, { ...options, store: open(), resume: true }));
  let evaluations = 0;
  for await (const { kind } of fit(model(), data, { ...options, store: open() })) {
    if (kind === 'evaluation' && ++evaluations === 2) {
      await expect(second()).rejects.toThrow(`${path} is being trained by this process`);
      break;
    }
  }
  expect(existsSync(join(path, 'run.lock'))).toBe(false);
  const rest = await second();
  expect(rest[0]).toMatchObject({ kind: 'start', resumedAt: 6 });
  const epochs = linesOf(readFileSync(join(path, 'metrics.jsonl'))) as { epoch: number }[];
  expect(epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5]);
});

test('a fit that does not resume takes the place of the one before', async () => {
  const path = join(temporaryFolder(), 'again');
  for (const epochs of [3, 2]) {
    const store = checkpointFolder(path, { metrics: options.metrics });
    await collect(fit(model(), data, { ...options, epochs, store }));
  }
  expect(linesOf(readFileSync(join(path, 'metrics.jsonl')))).toHaveLength(2);
});

test('held by a program that reads it by itself, it is let go when that is done with it', async () => {
  const path = join(temporaryFolder(), 'read');
  await collect(fit(model(), data, { ...options, store: checkpointFolder(path, { metrics: options.metrics }) }));
  {
    await using store = checkpointFolder(path, { metrics: options.metrics });
    const saved = await store.load!();
    expect(saved?.phase).toMatchObject({ epoch: 5, best: { meanAbsoluteError: expect.any(Number) } });
    expect(existsSync(join(path, 'run.lock'))).toBe(true);
  }
  expect(existsSync(join(path, 'run.lock'))).toBe(false);
});

test('a checkpoint of a fit with other metrics is refused', async () => {
  const path = join(temporaryFolder(), 'metrics');
  await collect(fit(model(), data, { ...options, store: checkpointFolder(path, { metrics: options.metrics }) }));
  const other = checkpointFolder(path, { metrics: [meanSquaredError()] });
  const resumed = fit(model(), data, { ...options, metrics: [meanSquaredError()], store: other, resume: true });
  await expect(collect(resumed)).rejects.toThrow('expected a number for each of loss, epoch, meanSquaredError');
  expect(existsSync(join(path, 'run.lock'))).toBe(false);
});

test('the folder of a run stays as it is', async () => {
  const path = temporaryFolder();
  writeFileSync(join(path, 'run.json'), '{}');
  writeFileSync(join(path, 'best.safetensors'), 'weights');
  const store = checkpointFolder(path, { metrics: options.metrics });
  await expect(collect(fit(model(), data, { ...options, store }))).rejects.toThrow(`${path} holds a run`);
  expect(readdirSync(path).sort()).toEqual(['best.safetensors', 'run.json']);
});

test('a checkpoint that was changed is refused', async () => {
  const path = join(temporaryFolder(), 'damaged');
  const store = checkpointFolder(path, { metrics: options.metrics });
  await collect(fit(model(), data, { ...options, epochs: 1, store }));
  const file = join(path, 'last.safetensors');
  const bytes = readFileSync(file);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(file, bytes);
  await expect(collect(fit(model(), data, { ...options, store, resume: true }))).rejects.toThrow(
    `${file}: its content is not what was written`,
  );
});
