import { grad } from '@graft-ml/core/grad';
import { input, typecheck, type Value } from '@graft-ml/core/graph';
import { sizeOf, type Tensor, zeros } from '@graft-ml/core/internal/base/tensor';
import {
  feedNames,
  type Network,
  resultNames,
  scalarName,
  slotName,
  trainingStep,
} from '@graft-ml/core/internal/fit/step';
import { applyModel, auxiliaryLogits } from '@graft-ml/core/internal/models/model';
import { optimizers } from '@graft-ml/core/internal/optim/index';
import { type BatchNormPolicy, crossEntropy, crossEntropyLoss, Scope } from '@graft-ml/core/nn';
import { add, mul } from '@graft-ml/core/ops';
import { type Program, State, scalar } from '@graft-ml/core/runtime';
import { describe, expect, test } from 'vitest';
import { golden, pattern, relativeError, tolerance, withPrefix } from './golden.ts';
import { narrowModels } from './narrow-models.ts';

/** The reference leaves out the batch counter; a step needs it. */
function withCounters(initial: Record<string, Tensor>): Record<string, Tensor> {
  const norms = Object.keys(initial).filter((name) => name.endsWith('running_mean'));
  const counters = norms.map((name) => [name.replace('running_mean', 'num_batches_tracked'), zeros('i64', [])]);
  return { ...initial, ...Object.fromEntries(counters) };
}

function expectClose(
  actual: Record<string, Tensor>,
  expected: Record<string, Tensor>,
  what: string,
  limit: number = tolerance.model,
) {
  expect(Object.keys(expected).length, what).toBeGreaterThan(0);
  for (const [name, reference] of Object.entries(expected)) {
    expect(actual[name], `${what} ${name}`).toBeDefined();
    // What is zero in exact arithmetic is what rounding leaves of it.
    const floor = reference.data.some((x: number | bigint) => Number(x) !== 0) ? undefined : 0.01;
    expect(relativeError(actual[name]!, reference, floor), `${what} ${name}`).toBeLessThan(limit);
  }
}

/**
 * Registers the tests that every narrow model equals PyTorch's, in programs that `compile` makes.
 *
 * @param gradientLimits wider tolerances, by model, for its gradients and for what steps along them lead to
 */
export function testModels(
  compile: (outputs: Readonly<Record<string, Value>>) => Promise<Program>,
  gradientLimits: Readonly<Record<string, number>> = {},
): void {
  describe.each(Object.keys(narrowModels))('%s equals PyTorch', (name) => {
    const { tensors, metadata } = golden(`model-${name}`);
    const config = JSON.parse(metadata.config!);
    const initial = withCounters(withPrefix(tensors, 'init/'));
    const noise = withPrefix(tensors, 'noise/');
    const isRandom = Object.keys(noise).length > 0;
    const images = tensors.input ?? pattern(config.input);
    const [batchSize, ...shape] = images.shape as [number, ...number[]];
    const model = narrowModels[name]!;
    const network: Network = {
      input: { dtype: 'f32', shape },
      forward: (s, x) => applyModel(model, s, x, { numClasses: config.numClasses }),
      ...(model.auxiliary && { auxiliary: { endpoint: auxiliaryLogits, weight: model.auxiliary.weight } }),
    };
    const labels: Tensor = tensors.labels!;

    const runs = [
      ['train', true, 'running'],
      ['eval', false, 'running'],
      ['eval', true, 'frozen'],
    ] as const;
    test.each(runs.filter(([mode, training]) => !isRandom || training === (mode === 'train')))(
      'endpoints, loss, gradients, statistics: %s (training %s, batch norm %s)',
      async (mode, training, policy) => {
        const { scope, trace } = Scope.root({ training, batchNorm: policy as BatchNormPolicy });
        const logits = network.forward(scope, input('x', 'f32', images.shape));
        const early = trace.endpoints.get(auxiliaryLogits);
        const classes = input('labels', 'i64', [batchSize]);
        const lossOf = (value: Value) => crossEntropy(value, classes);
        const loss = early ? add(lossOf(logits), mul(lossOf(early), model.auxiliary!.weight)) : lossOf(logits);
        const outputs = { loss, ...Object.fromEntries(trace.endpoints), ...Object.fromEntries(trace.updates) };
        const parameters = [...trace.variables.values()].filter(({ kind }) => kind === 'parameter');
        const gradients =
          mode === 'train'
            ? grad(
                loss,
                parameters.map((p) => trace.values.get(p.name)!),
              )
            : [];
        const gradientOutputs = Object.fromEntries(gradients.map((g, i) => [`grad/${parameters[i]!.name}`, g]));
        typecheck(Object.values({ ...outputs, ...gradientOutputs }));
        const program = await compile({ ...outputs, ...gradientOutputs });
        const results = await program.run({ ...initial, ...noise, x: images, labels });
        await program.release();

        expectClose(results, withPrefix(tensors, `${mode}/endpoint/`), 'endpoint');
        if (mode === 'eval') return;
        expect(relativeError(results.loss!, tensors['train/loss']!)).toBeLessThan(tolerance.model);
        expectClose(withPrefix(results, 'grad/'), withPrefix(tensors, 'grad/'), 'gradient', gradientLimits[name]);
        expect(gradients.length).toBe(Object.keys(withPrefix(tensors, 'grad/')).length);
        const statistics = withPrefix(tensors, 'stats/');
        if (Object.keys(statistics).length > 0) expectClose(results, statistics, 'statistics');
      },
    );

    test.each(Object.entries(config.optimizers as Record<string, { kind: 'sgd' | 'adamw'; learningRate: number }>))(
      'three steps: %s',
      async (key, { kind, learningRate, ...options }) => {
        const optimizer = optimizers[kind](options);
        const parameters = Object.keys(withPrefix(tensors, 'grad/'));
        const step = trainingStep(network, {
          batchSize,
          optimizer,
          settings: new Map(parameters.map((parameter) => [parameter, { rate: 1 }])),
          batchNorm: 'running',
          loss: crossEntropyLoss(),
        });
        const slots = optimizer.slots.flatMap((slot) =>
          parameters.map((p) => [slotName(slot, p), zeros('f32', initial[p]!.shape)] as const),
        );
        const state = new State({ ...initial, ...Object.fromEntries(slots) });
        const program = await compile(step.outputs);
        for (let i = 1; i <= 3; i++) {
          const scalars = Object.entries({ learningRate, ...optimizer.scalars(i) });
          const results = await state.step(program, {
            [feedNames.input]: images,
            [feedNames.targets]: labels,
            ...noise,
            ...Object.fromEntries(scalars.map(([scalarKey, value]) => [scalarName(scalarKey), scalar(value)])),
          });
          if (i === 1) expect(relativeError(results[resultNames.loss]!, tensors['train/loss']!)).toBeLessThan(1e-4);
        }
        await program.release();
        expectClose(state.current as Record<string, Tensor>, withPrefix(tensors, `${key}/`), key, gradientLimits[name]);
        const moved = parameters.filter((p) => sizeOf(initial[p]!.shape) > 0 && state.current[p] !== initial[p]);
        expect(moved.length).toBe(parameters.length);
      },
    );
  });
}
