import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { folderCache } from 'graft-ml/internal/cache/folder-cache';
import { readOwnJson } from 'graft-ml/internal/files/read-own-json';
import { createRuntime } from 'graft-ml/internal/runtime/index';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { apply, everyExample } from '../../../../test/primitive-examples.ts';
import { gaussian, numbers } from '../../../../test/run.ts';
import { applicableLowerings, input, type Value } from '../graph/index.ts';
import { type ConvGeometry, conv2dInputGrad, conv2dWeightGrad, exp, primitives } from '../ops/index.ts';
import type { Choices, TuningEvent } from './index.ts';
import { choiceKey, valueOfKey } from './tuning.ts';

const geometry: ConvGeometry = { strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1], groups: 1 };
const [x, dy, w] = [input('x', 'f32', [2, 3, 6, 6]), input('dy', 'f32', [2, 4, 6, 6]), input('w', 'f32', [4, 3, 3, 3])];
const dw = conv2dWeightGrad(x, dy, geometry, [3, 3]);
const dx = conv2dInputGrad(dy, w, geometry, [6, 6]);
const feeds = { x: gaussian(x.shape, 'x'), dy: gaussian(dy.shape, 'dy'), w: gaussian(w.shape, 'w') };

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'graft-tuning-'));
});
afterEach(() => rm(cache, { recursive: true }));

/** Compiles and runs, with a note of what was timed and what was chosen. */
async function tune(
  outputs: Record<string, Value>,
  { cache = null, ...options }: { cache?: string | null; choices?: Choices; threads?: number; tune?: boolean },
) {
  const events: TuningEvent[] = [];
  const runtime = createRuntime({
    threads: 1,
    cache: cache === null ? null : folderCache(cache),
    ...options,
    onTuning: (event) => events.push(event),
  });
  const program = await runtime.compile(outputs);
  const results = await program.run(feeds);
  await program.release();
  return { events, choices: runtime.choices, results, runtime };
}

const features = await createRuntime({ threads: 1, cache: null }).backend.features();
/** What there is to choose from here: kernels of ORT's own, too. */
const possible = (value: Value) => applicableLowerings(value, features);

const store = () => join(cache, 'tuning.json');
/** Timings by backend. */
const stored = async () => (await readOwnJson(store())) as Record<string, Choices>;

describe('tuning', () => {
  test('picks a lowering that applies, for each value where there is a choice, and says how far it is', async () => {
    const { events, choices } = await tune({ dw, dx, e: exp(x) }, {});
    expect(Object.keys(choices).sort()).toEqual([choiceKey(dw), choiceKey(dx)].sort());
    expect(possible(dw)).toContain(choices[choiceKey(dw)]);
    expect(possible(dx)).toContain(choices[choiceKey(dx)]);
    expect(events).toEqual([0, 1, 2].map((done) => ({ done, total: 2 })));
  });

  test('where nothing is to be chosen nothing is timed', async () => {
    const { events, choices } = await tune({ e: exp(x) }, { cache });
    expect([events, choices]).toEqual([[], {}]);
    await expect(readFile(store())).rejects.toThrow('ENOENT');
  });

  test('where it is not wanted nothing is timed, and what is known is used all the same', async () => {
    const { events, choices } = await tune({ dw, dx }, { cache, tune: false });
    expect([events, choices]).toEqual([[], {}]);
    const known = { [choiceKey(dw)]: possible(dw).at(-1)! };
    expect((await tune({ dw, dx }, { choices: known, tune: false })).choices).toEqual(known);
  });

  test('one shape is timed once, in one runtime', async () => {
    const again = conv2dWeightGrad(input('x2', 'f32', x.shape), input('dy2', 'f32', dy.shape), geometry, [3, 3]);
    const { runtime, events } = await tune({ dw }, {});
    const program = await runtime.compile({ dw, again });
    await program.release();
    expect(events.length).toBe(2);
  });

  test('what was found is in the store, and a second runtime measures nothing', async () => {
    const first = await tune({ dw, dx }, { cache });
    const second = await tune({ dw, dx }, { cache });
    expect(first.events.length).toBe(3);
    expect(second.events).toEqual([]);
    expect(second.choices).toEqual(first.choices);
    expect(second.results).toEqual(first.results);
    const [identity, choices] = Object.entries(await stored())[0]!;
    expect(identity).toMatch(/^cpu · .+ · 1 threads · onnxruntime \d/);
    expect(choices).toEqual(first.choices);
  });

  test('what another number of threads found is kept, and not used', async () => {
    await tune({ dw }, { cache });
    const { events } = await tune({ dw }, { cache, threads: 2 });
    expect(events.length).toBe(2);
    expect(Object.keys(await stored()).length).toBe(2);
  });

  test('choices that are given come before the store and are not timed', async () => {
    const { choices: found } = await tune({ dw, dx }, { cache });
    for (const name of possible(dw)) {
      const { events, choices } = await tune({ dw, dx }, { cache, choices: { [choiceKey(dw)]: name } });
      expect(events).toEqual([]);
      expect(choices).toEqual({ ...found, [choiceKey(dw)]: name });
    }
  });

  test.each(['magic', 'matmul1x1'])('a choice that was given and cannot be is an error: %s', async (name) => {
    await expect(tune({ dw }, { choices: { [choiceKey(dw)]: name } })).rejects.toThrow(
      `encode: Conv2dWeightGrad has no lowering ${name} that applies here (f32[4,3,3,3])`,
    );
  });

  test.each(['ofAnOlderGraft', 'matmul1x1'])('a stored choice that cannot be is measured again: %s', async (name) => {
    await tune({ dw }, { cache });
    const identity = Object.keys(await stored())[0]!;
    await writeFile(store(), JSON.stringify({ [identity]: { [choiceKey(dw)]: name } }));
    const { events, choices } = await tune({ dw }, { cache });
    expect(events.length).toBe(2);
    expect(possible(dw)).toContain(choices[choiceKey(dw)]);
    expect((await stored())[identity]).toEqual(choices);
  });

  test.each([
    ['no JSON', '{ "cpu'],
    ['empty', ''],
    ['another form', '{"cpu": ["a"]}'],
    ['a list', '[1, 2]'],
  ])('a store that is damaged is written anew: %s', async (_name, content) => {
    await writeFile(store(), content);
    const { events, choices } = await tune({ dw }, { cache });
    expect(events.length).toBe(2);
    expect(Object.values(await stored())).toEqual([choices]);
  });

  test('a folder that cannot be written costs only the time', async () => {
    await writeFile(join(cache, 'file'), '');
    const { events, results } = await tune({ dw }, { cache: join(cache, 'file', 'folder') });
    expect(events.length).toBe(2);
    expect(numbers(results.dw).length).toBe(4 * 3 * 3 * 3);
  });
});

test('a device that there is not', () => {
  expect(() => createRuntime({ device: 'tpu' as never })).toThrow(
    'device "tpu" is not known. Did you mean "cpu"? Expected one of: cpu, webgpu, cuda, auto.',
  );
  expect(createRuntime({ device: 'cpu', cache: null }).device).toBe('cpu');
});

test('a key says all that its value is timed with', () => {
  const shared = { strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1], groups: 1 };
  const keys = [choiceKey(dw), choiceKey(dx), choiceKey(exp(x)), choiceKey(exp(input('s', 'f32', [])))];
  keys.push(`Conv2d(f32[2,3,6,6], constant f32[4,3,3,3]) ${JSON.stringify(shared)}`);
  for (const key of keys) expect(choiceKey(valueOfKey(key)!)).toBe(key);
  for (const [name, primitive, example] of everyExample()) {
    if (Object.keys(primitives().get(primitive)!.lowerings).length < 2) continue;
    const { y: value } = apply(primitive, example, input);
    expect([name, valueOfKey(choiceKey(value))?.shape]).toEqual([name, value.shape]);
  }
});
