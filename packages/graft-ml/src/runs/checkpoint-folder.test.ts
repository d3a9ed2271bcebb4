import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { f32 } from '@graft-ml/core/internal/base/tensor';
import { tensorDataset } from '@graft-ml/core/internal/fit/examples';
import { fit } from '@graft-ml/core/internal/fit/fit';
import { meanAbsoluteError } from '@graft-ml/core/internal/fit/metrics';
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
  const open = () => checkpointFolder<'meanAbsoluteError'>(path, openStore && { openStore });
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
});

test('a checkpoint that was changed is refused', async () => {
  const path = join(temporaryFolder(), 'damaged');
  const store = checkpointFolder<'meanAbsoluteError'>(path);
  await collect(fit(model(), data, { ...options, epochs: 1, store }));
  const file = join(path, 'last.safetensors');
  const bytes = readFileSync(file);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(file, bytes);
  await expect(collect(fit(model(), data, { ...options, store, resume: true }))).rejects.toThrow(
    `${file}: its content is not what was written`,
  );
});
