/*
 * ORT's WebGPU kernels in Node, on the machine's GPU or on one that is a program (SwiftShader): what they get wrong comes
 * out right. Where there is none, the tests are skipped.
 */
import { execFileSync } from 'node:child_process';
import { grad } from '@graft-ml/core/grad';
import { input, type Value } from '@graft-ml/core/graph';
import { i64, type Tensors } from '@graft-ml/core/internal/base/tensor';
import { taskNames, trainingGraph } from '@graft-ml/core/internal/meta/index';
import { selfAttention } from '@graft-ml/core/internal/nn/attention';
import { batchNorm, conv2d, crossEntropy, globalAveragePool, initialise, linear, Scope } from '@graft-ml/core/nn';
import { mul, relu, reshape, sub } from '@graft-ml/core/ops';
import { formatPlacements, type Runtime, State, scalar } from '@graft-ml/core/runtime';
import { describe, expect, test } from 'vitest';
import { relativeError, tolerance } from '../../../../test/golden.ts';
import { feedsOf, gpuCases } from '../../../../test/gpu-cases.ts';
import { temporaryFolder } from '../../../../test/images.ts';
import { maml, parametersOf, start } from '../../../../test/meta.ts';
import { defaultChoices, evaluate, uniform } from '../../../../test/run.ts';
import { hasGpu } from '../../../../test/software-gpu.ts';
import { folderCache } from '../cache/folder-cache.ts';
import { packageFile } from '../files/package-file.ts';
import { chooseDevice, createRuntime, type DeviceName } from './index.ts';

const isThere = hasGpu('the tests of WebGPU in Node');

/** What was compared in one test is not compared again in the next: a program for a GPU takes its time. */
const cache = isThere ? folderCache(temporaryFolder()) : null;

const runtimeOn = (device: DeviceName, outputs: Readonly<Record<string, Value>>) =>
  createRuntime({ device, cache, threads: 1, choices: defaultChoices(outputs) });

/** A convolution, batch norm and a head. (n, 3, 8, 8) → (n, 3). */
function convolutional(s: Scope, x: Value): Value {
  const y = relu(batchNorm(s.at('bn'), conv2d(s.at('conv'), x, { channels: 6, kernel: 3, padding: 1 })));
  return linear(s.at('fc'), globalAveragePool(y), { features: 3 });
}

/** Attention between the rows of an image, and a head. (n, 3, 8, 8) → (n, 3). */
function attentive(s: Scope, x: Value): Value {
  const n = x.shape[0]!;
  const y = selfAttention(s.at('attention'), reshape(x, [n, 8, 24]), { heads: 2 });
  return linear(s.at('fc'), reshape(y, [n, 192]), { features: 3 });
}

const images = [3, 3, 8, 8];

/** The losses of a few steps of gradient descent, and the parameters after them. */
async function train(device: DeviceName, network: (s: Scope, x: Value) => Value) {
  const { scope, trace } = Scope.root({ training: true });
  const loss = crossEntropy(network(scope, input('images', 'f32', images)), input('labels', 'i64', [3]));
  const parameters = [...trace.variables.values()].filter(({ kind }) => kind === 'parameter');
  const values = parameters.map(({ name }) => trace.values.get(name)!);
  const rate = input('rate', 'f32', []);
  const outputs: Record<string, Value> = { loss, ...Object.fromEntries(trace.updates) };
  grad(loss, values).forEach((gradient, i) => {
    outputs[parameters[i]!.name] = sub(values[i]!, mul(rate, gradient));
  });
  const runtime = runtimeOn(device, outputs);
  await using program = await runtime.compile(outputs);
  const state = new State(initialise(trace.variables.values(), 0));
  const losses: number[] = [];
  for (let step = 0; step < 4; step++) {
    const feeds = { images: uniform(images, 'step', step), labels: i64([3], [0, 1, step % 3]), rate: scalar(0.2) };
    losses.push(Number((await state.step(program, feeds)).loss!.data[0]));
  }
  return { losses, state: state.current, runtime };
}

function expectClose(actual: Tensors, expected: Tensors, limit: number, runtime: Runtime): void {
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  for (const [name, reference] of Object.entries(expected)) {
    const report = `${name}\n${formatPlacements(runtime.placements)}`;
    expect(relativeError(actual[name]!, reference, 0.01), report).toBeLessThan(limit);
  }
}

describe.skipIf(!isThere)('WebGPU in Node', () => {
  test.for(gpuCases)('%s: the numbers are right', async ([, outputs]) => {
    const feeds = feedsOf(outputs);
    const runtime = runtimeOn('webgpu', outputs);
    await using program = await runtime.compile(outputs);
    expectClose(await program.run(feeds), await evaluate(outputs, feeds), tolerance.gradient, runtime);
  });

  test.for([
    ['a convolution with batch norm', convolutional],
    ['attention', attentive],
  ] as const)('%s trains as on the processor', async ([, network]) => {
    const cpu = await train('cpu', network);
    const gpu = await train('webgpu', network);
    expect(gpu.runtime.device).toBe('webgpu');
    expect(gpu.runtime.placements.some(({ place }) => place === 'webgpu')).toBe(true);
    gpu.losses.forEach((loss, i) => {
      expect(Math.abs(loss / cpu.losses[i]! - 1)).toBeLessThan(tolerance.model);
    });
    expectClose(gpu.state, cpu.state, tolerance.model, gpu.runtime);
  });

  test('a meta-gradient of MAML is that of the processor', async () => {
    const network = { input: { dtype: 'f32', shape: images.slice(1) }, forward: convolutional } as const;
    const learner = maml(network, { innerSteps: 1 });
    const outputs = trainingGraph(
      network,
      learner,
      { way: 3, support: 3, queries: 3 },
      { trained: parametersOf(network), outer: { order: 2, everyStep: false } },
    );
    const labels = i64([3], [0, 1, 2]);
    const feeds = {
      ...start(network),
      [taskNames.support]: uniform([3, 3, 8, 8], 'support'),
      [taskNames.supportLabels]: labels,
      [taskNames.query]: uniform([3, 3, 8, 8], 'query'),
      [taskNames.queryLabels]: labels,
    };
    const runtime = runtimeOn('webgpu', outputs);
    await using program = await runtime.compile(outputs);
    expectClose(await program.run(feeds), await evaluate(outputs, feeds), tolerance.model, runtime);
  });

  test('nothing is compared twice, even by another runtime', async () => {
    const [, outputs] = gpuCases[3]!;
    const cache = folderCache(temporaryFolder());
    const checked: number[] = [];
    for (let i = 0; i < 2; i++) {
      let total = 0;
      const onCheck = (event: { readonly total: number }) => {
        total = event.total;
      };
      const options = { device: 'webgpu', cache, threads: 1, choices: defaultChoices(outputs), onCheck } as const;
      await (await createRuntime(options).compile(outputs)).release();
      checked.push(total);
    }
    expect(checked).toEqual([1, 0]);
  });

  test('a process that leaves sessions open ends in order', () => {
    const program = `
      import { createRuntime } from ${JSON.stringify(packageFile('dist', 'entries', 'runtime.js'))};
      import { input } from '@graft-ml/core/graph';
      import { relu } from '@graft-ml/core/ops';
      const runtime = createRuntime({ device: 'webgpu', cache: null, threads: 1 });
      const program = await runtime.compile({ y: relu(input('x', 'f32', [2])) });
      console.log(runtime.placements[0].place);
    `;
    const options = { encoding: 'utf8', cwd: packageFile(), timeout: 60_000 } as const;
    expect(execFileSync(process.execPath, ['--input-type=module', '--eval', program], options)).toBe('webgpu\n');
  });
});

test('auto says what it chose and why', () => {
  const { device, reason } = chooseDevice('auto');
  expect(reason).toMatch(new RegExp(`^Device: ${device}\\. .+\\.$`));
  const notes: string[] = [];
  const runtime = createRuntime({ device: 'auto', cache: null, threads: 1, onNote: (note) => notes.push(note) });
  expect([runtime.device, ...notes]).toEqual([device, reason]);
});

test('CUDA that is not installed is an error that says what to install', ({ skip }) => {
  if (chooseDevice('auto').device === 'cuda') skip();
  expect(() => createRuntime({ device: 'cuda', cache: null })).toThrow(
    /^device is "cuda", and .+\. It needs an NVIDIA driver, CUDA 12 .+ Graft downloads none of it\./,
  );
});
