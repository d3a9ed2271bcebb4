import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { UserError } from '../base/errors.ts';
import { explainMemory } from './out-of-memory.ts';

describe('what ONNX Runtime says', () => {
  test.each([
    [
      "Non-zero status code returned while running Concat node. Name:'' Status Message: bfc_arena.cc:360 Failed to allocate memory for requested buffer of size 1073741824",
      /could not get 1024 MiB more for a Concat\. Lower the batch size \(`batchSize`.*`imageSize`/,
    ],
    ['Exception during initialization: std::bad_alloc', /could not get what it needs for this network\. Lower/],
    ["Can't create a session. failed to allocate a buffer of size 4000000000.", /could not get what it needs for this/],
    ['There is not enough memory: as a thread says it.', /^There is not enough memory: as a thread says it\.$/],
  ])('%s', async (message, expected) => {
    const refused = explainMemory(() => Promise.reject(new Error(message)));
    await expect(refused).rejects.toThrow(UserError);
    await expect(explainMemory(() => Promise.reject(new Error(message)))).rejects.toThrow(expected);
  });

  test('and nothing else', async () => {
    const other = new Error('Non-zero status code returned while running Conv node: shapes');
    await expect(explainMemory(() => Promise.reject(other))).rejects.toBe(other);
  });
});

/** Real sessions in a process that may have 4 GiB of addresses: a sum over 8 GiB that are made of one number. */
const program = (start: string) => `
  const { createRuntime } = await import('graft-ml/runtime');
  const { input, constant } = await import('@graft-ml/core/graph');
  const { broadcastTo, mul, reduceSum } = await import('@graft-ml/core/ops');
  const one = { dtype: 'f32', shape: [1], data: new Float32Array(1) };
  const wide = broadcastTo(${start}, [2 ** 31]);
  try {
    const runtime = createRuntime({ cache: null, threads: 1 });
    const compiled = await runtime.compile({ y: reduceSum(mul(mul(wide, 2), wide), [0]) });
    await compiled.run({ x: one });
  } catch (error) {
    console.log(error.name, error.message);
  }`;

test.skipIf(process.platform !== 'linux').each([
  ['when it runs', "input('x', 'f32', [1])"],
  ['when it is prepared', 'constant(one)'],
])('a network that needs too much %s', { timeout: 60_000 }, (_when, start) => {
  const script = 'ulimit -v 4194304; exec "$0" --input-type=module -e "$1"';
  const cwd = fileURLToPath(new URL('./', import.meta.url)); // where packages are found
  const { stdout, stderr } = spawnSync('sh', ['-c', script, process.execPath, program(start)], {
    cwd,
    encoding: 'utf8',
  });
  expect(stdout + stderr).toMatch(
    /^UserError There is not enough memory: ONNX Runtime could not get .*Lower the batch size/,
  );
});
