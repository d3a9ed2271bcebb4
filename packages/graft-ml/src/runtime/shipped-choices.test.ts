import type { Feature } from '@graft-ml/core/graph';
import { applicableLowerings } from '@graft-ml/core/internal/graph/index';
import { primitives } from '@graft-ml/core/internal/ops/index';
import { choiceKey, valueOfKey } from '@graft-ml/core/internal/runtime/tuning';
import { describe, expect, test } from 'vitest';
import { readOwnJson } from '../files/read-own-json.ts';
import { cpuBackend, createRuntime } from './create.ts';
import { instructionSet, readShipped, shippedPath, shippedSchema, validChoices } from './shipped-choices.ts';

const sets: readonly (readonly [set: string, features: readonly Feature[]])[] = [
  ['x64-avx512', ['nchwc16', 'fusedConvSum', 'fusedMatMul']],
  ['x64-avx2', ['nchwc8', 'fusedConvSum', 'fusedMatMul']],
];

describe.each(sets)('the choices that come with Graft for %s', async (set, ofSet) => {
  const shipped = shippedSchema.parse(await readOwnJson(shippedPath(set)));
  const choices = validChoices(shipped, shipped.onnxruntime);

  test('say where they were measured, and hold the shapes of the models that they name', () => {
    expect(shipped.machine).toContain(set);
    expect(shipped.models.map(({ model }) => model)).toContain('resnet18');
    expect(Object.keys(choices).length).toBeGreaterThan(80);
  });

  test('are all of lowerings that apply to their shapes', () => {
    const features = new Set(ofSet);
    const wrong = Object.entries(choices).filter(([key, name]) => {
      const value = valueOfKey(key);
      return !value || choiceKey(value) !== key || !applicableLowerings(value, features).includes(name);
    });
    expect(wrong).toEqual([]);
  });

  test('of another version of ORT, or of a lowering that there is no more, are not used', () => {
    expect(validChoices(shipped, '1.29.0')).toEqual({});
    const [key] = Object.keys(choices);
    const older = { ...shipped, choices: { ...shipped.choices, [key!]: 'ofAnOlderGraft' } };
    const { [key!]: dropped, ...rest } = choices;
    expect(dropped).toBeDefined();
    expect(validChoices(older, shipped.onnxruntime)).toEqual(rest);
  });

  test('need no timing where they hold, and are recorded like those that were timed', async () => {
    const backend = cpuBackend(1);
    const holds = instructionSet(await backend.features()) === set && backend.identity.includes(shipped.onnxruntime);
    const [key, name] = Object.entries(choices).find(([each]) => each.startsWith('Conv2dWeightGrad('))!;
    const events: unknown[] = [];
    const runtime = createRuntime({ threads: 1, cache: null, onTuning: (event) => events.push(event) });
    await (await runtime.compile({ y: valueOfKey(key)! })).release();
    if (holds) expect(events).toEqual([]);
    expect(runtime.choices[key]).toEqual(holds ? name : expect.any(String));
    const timed = createRuntime({ threads: 1, cache: null, shipped: false, onTuning: (event) => events.push(event) });
    await (await timed.compile({ y: valueOfKey(key)! })).release();
    expect(events.length).toBeGreaterThan(0);
  });
});

test('there are none for a processor that nothing was measured on', async () => {
  expect(await readShipped('arm64')).toBeUndefined();
  expect([instructionSet(new Set(), 'arm64'), instructionSet(new Set(['nchwc8']), 'x64')]).toEqual([
    'arm64',
    'x64-avx2',
  ]);
});

test('text that is no key of a primitive is no value', () => {
  const name = [...primitives().keys()][0]!;
  const texts = [
    '',
    'Nothing(f32[2]) {}',
    `${name}(f32[`,
    `${name}(f32[2]) {`,
    'Conv2d(f32[2]) {}',
    'Conv2d(f32[1,1,4,4], f32[1,1,3,3]) {"a":1}',
  ];
  expect(texts.map(valueOfKey)).toEqual(texts.map(() => undefined));
});
