import { cpuBackend } from 'graft-ml/internal/runtime/create';
import { createRuntime } from 'graft-ml/internal/runtime/index';
import { describe, expect, test } from 'vitest';
import { gaussian, numbers } from '../../../../test/run.ts';
import { collect, differing } from '../../../../test/training.ts';
import { type Tensor, zeros } from '../base/tensor.ts';
import { constant, input } from '../graph/index.ts';
import { applyModel, getModel } from '../models/index.ts';
import { batchNorm, type Forward, initialise, linear, Scope } from '../nn/index.ts';
import { matmul, relu } from '../ops/index.ts';
import { adamw } from '../optim/index.ts';
import type { Runtime } from '../runtime/index.ts';
import { manyFeatures } from './divided.ts';
import { tensorDataset } from './examples.ts';
import { featuresInTwo } from './features-in-two.ts';
import { fit } from './fit.ts';
import { createModel } from './model.ts';
import { Origins } from './profile/origins.ts';
import { TimedRuntime } from './profile/timed-runtime.ts';
import { byProgram } from './source.ts';
import { feedNames, type Network, variablesOf } from './step.ts';

const size = 4;
const side = 64;

/** A runtime of two threads that counts the sessions that begin and end in threads of their own. */
function counting(): { readonly runtime: Runtime; readonly sessions: { opened: number; released: number } } {
  const sessions = { opened: 0, released: 0 };
  const backend = cpuBackend(2);
  const pair = backend.pair!;
  const open: typeof pair.open = async (graph, options) => {
    sessions.opened++;
    const thread = await pair.open(graph, options);
    const release = async () => {
      sessions.released++;
      await thread.release();
    };
    return { ...thread, release };
  };
  return { runtime: createRuntime({ backend: { ...backend, pair: { ...pair, open } }, cache: null }), sessions };
}

function networkOf(name: string): Network {
  const model = getModel(name);
  return {
    input: { dtype: 'f32', shape: [3, side, side] },
    forward: (s, x) => applyModel(model, s, x, { numClasses: 5 }),
  };
}

function graphOf(network: Network) {
  const weights = initialise(variablesOf(network).values(), 0);
  const { scope } = Scope.root({ training: false, variable: ({ name }) => constant(weights[name]!) });
  return network.forward(scope, input(feedNames.input, 'f32', [size, ...network.input.shape]));
}

const values = (made: readonly Tensor[]) => made.flatMap((each) => numbers(each));
const images = gaussian([16, 3, side, side], 'images');

test.each(['mobilenet_v3_small', 'densenet121'])(
  '%s makes the same features in two sessions, to the bit, of any number of rows',
  async (name) => {
    const { runtime } = counting();
    const features = graphOf(networkOf(name));
    const program = await runtime.compile({ features });
    const alone = byProgram(program, size);
    const inTwo = (await featuresInTwo(features, runtime))!;
    try {
      for (const rows of [16, 13, 3]) {
        const [expected, made] = [await alone(images, rows), await inTwo.compute(images, rows)];
        expect(expected).toHaveLength(Math.ceil(rows / size));
        expect(values(made)).toEqual(values(expected));
      }
    } finally {
      await inTwo.release();
      await program.release();
    }
  },
);

test('one session is left as it is where threads cannot be halved, kernels are timed, or weights are large', async () => {
  const features = graphOf(networkOf('squeezenet1_1'));
  expect(await featuresInTwo(features, createRuntime({ threads: 1, cache: null }))).toBeNull();
  const timed = new TimedRuntime(createRuntime({ threads: 2, cache: null }), new Origins());
  expect(await featuresInTwo(features, timed)).toBeNull();
  const weight = constant(zeros('f32', [8, 2 ** 23 + 1]));
  const large = matmul(input(feedNames.input, 'f32', [size, 8]), weight);
  expect(await featuresInTwo(large, counting().runtime)).toBeNull();
});

test('two sessions are opened for many rows alone, once, and end when they are released', async () => {
  const { runtime, sessions } = counting();
  const features = graphOf(networkOf('squeezenet1_1'));
  const program = await runtime.compile({ features });
  const many = manyFeatures(features, byProgram(program, size), runtime);
  const first = values(await many.compute(images, 16));
  for (let batch = 1; batch < 4; batch++) await many.compute(images, 16);
  expect(sessions).toEqual({ opened: 0, released: 0 });
  for (let batch = 4; batch < 6; batch++) expect(values(await many.compute(images, 16))).toEqual(first);
  expect(sessions).toEqual({ opened: 1, released: 0 });
  await many.release();
  expect(sessions).toEqual({ opened: 1, released: 1 });
  await program.release();
});

describe('in a run', () => {
  const [count, width] = [200, 6];
  const labels = Array.from({ length: count }, (_, i) => i % 3);
  const points = gaussian([count, width], 'points');
  const network: Forward = (s, x) => {
    const body = s.endpoint('body', relu(batchNorm(s.at('bn'), linear(s.at('body'), x, { features: 8 }))));
    return linear(s.at('head'), s.endpoint('backbone', body), { features: 3 });
  };
  const trained = async (runtime: Runtime, train = tensorDataset(points, labels)) => {
    const model = createModel(network, { input: { dtype: 'f32', shape: [width] }, runtime, seed: 1 });
    model.freeze('body');
    const validation = tensorDataset(points, labels);
    await collect(fit(model, { train, validation }, { epochs: 2, batchSize: 10, optimizer: adamw() }));
    return model.variables;
  };

  test('the result is that of one session, and no thread is left', async () => {
    const { runtime, sessions } = counting();
    const inTwo = await trained(runtime);
    expect(sessions).toEqual({ opened: 1, released: 1 });
    expect(differing(await trained(createRuntime({ threads: 1, cache: null })), inTwo)).toEqual([]);
  });

  test('no thread is left where the examples end in an error', async () => {
    const { runtime, sessions } = counting();
    const whole = tensorDataset(points, labels);
    const broken = {
      ...whole,
      async *batches(request: Parameters<typeof whole.batches>[0]) {
        let given = 0;
        for await (const batch of whole.batches(request)) {
          given += request.batchSize;
          if (given > 130) throw new Error('the disk is gone');
          yield batch;
        }
      },
    };
    await expect(trained(runtime, broken)).rejects.toThrow('the disk is gone');
    expect(sessions).toEqual({ opened: 1, released: 1 });
  });
});
