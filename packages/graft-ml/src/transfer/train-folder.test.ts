import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomStream } from '@graft-ml/core/internal/base/random';
import type { Logger } from '@graft-ml/core/internal/fit/loggers/index';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import {
  expectSameLogs,
  expectSameRun,
  metricsOf,
  pointsOf,
  rowsOf,
  runFolder,
  smallRun,
} from '../../../../test/runs.ts';
import { collect, differing } from '../../../../test/training.ts';
import { readSafetensorsFile } from '../checkpoint/safetensors-file.ts';
import { readRun } from '../runs/read-run.ts';
import { cpuBackend } from '../runtime/create.ts';
import { resumeTraining, trainFolder } from './train-folder.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const whole = join(root, 'whole');
let count = 0;
const fresh = () => join(root, `run${count++}`);

afterEach(() => vi.unstubAllEnvs());
beforeAll(async () => {
  await drawImages(shapes, { perClass: 12 }); // 30 to train, 6 to validate: 3 steps an epoch
  await runFolder(shapes, whole);
});

test('a small network learns three shapes', async () => {
  const out = fresh();
  const more = await drawImages(join(root, 'more'), { perClass: 24 });
  const events = await runFolder(more, out, { epochs: 4 });
  expect(events.map(({ kind }) => kind).filter((kind) => kind !== 'step')).toEqual([
    ...['ready', 'start', 'stage', 'evaluation', 'evaluation', 'evaluation', 'evaluation', 'end'],
  ]);
  const { status, best, classes, dataset, parameters, batchNorm, weightsSha256, choices } = await readRun(out);
  expect(best!.accuracy).toBeGreaterThan(0.9);
  expect({ status, classes, batchNorm, weightsSha256 }).toEqual({
    status: 'done',
    classes: ['cross', 'disc', 'square'],
    batchNorm: 'running',
    weightsSha256: null,
  });
  expect(dataset).toMatchObject({ train: 57, validation: 15, test: 0, leftOut: [] });
  expect(parameters.trained).toBe(parameters.total);
  expect(Object.keys(choices).length).toBeGreaterThan(0);
  expect(metricsOf(out).map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
});

describe('the same run again', () => {
  test('the same seed gives the same to the bit, another seed another', async () => {
    const [again, other] = [fresh(), fresh()];
    await runFolder(shapes, again);
    await runFolder(shapes, other, { seed: 1, epochs: 1 });
    expectSameRun(whole, again);
    const [a, b] = [whole, other].map((out) => readSafetensorsFile(join(out, 'best.safetensors')));
    expect(differing((await a!).tensors, (await b!).tensors)).toContain('fc.weight');
  });

  test('with the lowerings of another run, it is repeated without timing anything', async () => {
    const { choices, config } = await readRun(whole);
    const [out, cache] = [fresh(), join(root, 'empty-cache')];
    vi.stubEnv('GRAFT_CACHE', cache);
    await collect(trainFolder(shapes, config, { out, choices }));
    expectSameRun(whole, out);
    expect(existsSync(join(cache, 'tuning.json'))).toBe(false);
  });
});

describe('resumed', () => {
  test('after interruptions at two random steps, a run ends like one that was not interrupted', async () => {
    const stream = randomStream(11, 'steps');
    const [first, second] = [1 + stream.integer(4), 1 + stream.integer(4)]; // of 9
    const out = fresh();
    const events = await runFolder(shapes, out, { stopAfter: first });
    expect(events.at(-1)!.kind).toBe('interrupted');
    expect((await readRun(out)).status).toBe('interrupted');
    writeFileSync(join(out, 'last.safetensors.123456'), 'what a killed process leaves');
    expect((await runFolder(shapes, out, { stopAfter: second })).at(-1)!.kind).toBe('interrupted');
    expect((await runFolder(shapes, out)).at(-1)!.kind).toBe('end');
    expectSameRun(whole, out);
    expect((await readRun(out)).best).toEqual((await readRun(whole)).best);
    expect(readdirSync(out).sort()).toEqual([
      'best.safetensors',
      'curves.svg',
      'last.safetensors',
      'metrics.jsonl',
      'resources.json',
      'run.json',
    ]);
  });

  test('a log that is ahead of the checkpoint, or cut in a line, is mended', async () => {
    const out = fresh();
    await runFolder(shapes, out, { stopAfter: 4 }); // in epoch 2
    const log = join(out, 'metrics.jsonl');
    const line = readFileSync(log, 'utf8');
    expect(line.split('\n').length).toBe(2);
    writeFileSync(log, `${line}${line.replace('"epoch":1', '"epoch":2')}{"epoch":3,"lo`);
    await runFolder(shapes, out);
    expect(metricsOf(out)).toEqual(metricsOf(whole));
  });

  test('a complete run is not', async () => {
    await expect(runFolder(shapes, whole)).rejects.toThrow(/is complete/);
  });
});

describe('logs', () => {
  const names = ['events.out.tfevents', 'metrics.csv', 'metrics.jsonl'];
  const files = (out: string) => readdirSync(out).filter((name) => names.some((log) => name.startsWith(log)));
  const log = ['csv', 'tensorboard'] as const;
  const pointsOfTag = (out: string, wanted: string) => pointsOf(out).filter(({ tag }) => tag === wanted);

  test('that are asked for stand in the run folder; interrupted and resumed they have every step once', async () => {
    const [out, cut] = [fresh(), fresh()];
    await runFolder(shapes, out, { log });
    expect(files(out).map((name) => name.replace(/tfevents.*/, 'tfevents'))).toEqual(names);
    expect(rowsOf(out)).toHaveLength(4);
    expect(pointsOfTag(out, 'loss/step').map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const losses = metricsOf(out).map(({ loss }) => Math.fround(Number(loss)));
    expect(pointsOfTag(out, 'loss/validation').map(({ value }) => value)).toEqual(losses);
    await runFolder(shapes, cut, { log, stopAfter: 5 });
    const ahead = readFileSync(join(cut, files(cut)[0]!));
    writeFileSync(join(cut, files(cut)[0]!), Buffer.concat([ahead, ahead.subarray(40, 150)])); // an entry and a piece
    await runFolder(shapes, cut);
    expectSameRun(whole, cut);
    expect(files(cut)).toHaveLength(3);
    expectSameLogs(out, cut);
  });

  test('a run that replaces another leaves none of its logs', async () => {
    const out = fresh();
    await runFolder(shapes, out, { log, epochs: 1 });
    await collect(trainFolder(shapes, { ...smallRun, epochs: 1 }, { out, overwrite: true }));
    expect(files(out)).toEqual(['metrics.jsonl']);
  });

  test('one’s own logger hears every event of training once, before its epoch is saved, and where to go on', async () => {
    const out = fresh();
    const heard: string[] = [];
    const logger: Logger = {
      resume: async ({ epoch, step }) => void heard.push(`resume ${epoch} ${step}`),
      log: async (event) => {
        heard.push('epoch' in event ? `${event.kind} ${event.epoch}` : event.kind);
      },
      close: async () => void heard.push('close'),
    };
    const controller = new AbortController();
    for await (const event of trainFolder(shapes, smallRun, { out, loggers: [logger], signal: controller.signal })) {
      if (event.kind === 'step' && event.epoch === 2) controller.abort();
    }
    const steps = (epoch: number, count: number) => Array(count).fill(`step ${epoch}`);
    expect(heard.splice(0)).toEqual([
      ...['start', 'stage 1', ...steps(1, 3), 'evaluation 1', 'step 2', 'interrupted 2', 'close'],
    ]);
    await collect(resumeTraining(out, { loggers: [logger] }));
    expect(heard).toEqual([
      ...[
        'resume 1 1',
        'start',
        'stage 1',
        ...steps(2, 2),
        'evaluation 2',
        ...steps(3, 3),
        'evaluation 3',
        'end',
        'close',
      ],
    ]);
  });
});

describe('stopped before the first step', () => {
  test.each(['checking images', 'timing kernels'] as const)('while %s: nothing is written', async (stage) => {
    const out = fresh();
    const controller = new AbortController();
    // There is something to time where neither this cache nor what comes with Graft, which is for its own backend, has a choice.
    vi.stubEnv('GRAFT_CACHE', join(root, `cache-${stage}`));
    const events = await collect(
      trainFolder(shapes, smallRun, {
        out,
        backend: cpuBackend(1),
        signal: controller.signal,
        onPreparation: (progress) => progress.stage === stage && controller.abort(),
      }),
    );
    expect(events.at(-1)).toEqual({ kind: 'cancelled', out });
    expect(events.some(({ kind }) => kind === 'stage')).toBe(false);
    expect(existsSync(out)).toBe(false);
  });

  test('a run that was to be replaced stays as it is', async () => {
    const before = readdirSync(whole).map((name) => readFileSync(join(whole, name), 'utf8'));
    const options = { out: whole, overwrite: true, signal: AbortSignal.abort() };
    expect((await collect(trainFolder(shapes, smallRun, options))).map(({ kind }) => kind)).toEqual(['cancelled']);
    expect(readdirSync(whole).map((name) => readFileSync(join(whole, name), 'utf8'))).toEqual(before);
  });
});

describe('an error while training', () => {
  test('a loss that is no number: what to do, and a run that says that it is not complete', async () => {
    const out = fresh();
    const wild = { ...smallRun, optimizer: 'sgd', learningRate: 1e30, schedule: 'constant' } as const;
    await expect(collect(trainFolder(shapes, wild, { out }))).rejects.toThrow(/the loss became .* Try a tenth/);
    expect((await readRun(out)).status).toBe('interrupted');
  });

  test('a log that cannot be written: the path is named, and the checkpoint until then stands', async () => {
    const out = fresh();
    const log = join(out, 'metrics.jsonl');
    const training = (async () => {
      for await (const event of trainFolder(shapes, smallRun, { out })) {
        if (event.kind === 'stage') mkdirSync(log);
      }
    })();
    await expect(training).rejects.toThrow(`Cannot write ${log}: EISDIR: `);
    rmSync(log, { recursive: true });
    await runFolder(shapes, out);
    expectSameRun(whole, out);
  });

  test('an image that has vanished: its path; when it is back, the run goes on to the same end', async () => {
    const [out, own] = [fresh(), join(root, 'vanishing')];
    await drawImages(own, { perClass: 12 });
    const bytes = readFileSync(join(own, 'disc', '003.png'));
    const training = (async () => {
      for await (const event of trainFolder(own, smallRun, { out })) {
        if (event.kind === 'step') rmSync(join(own, 'disc', '003.png'), { force: true });
      }
    })();
    await expect(training).rejects.toThrow(join(own, 'disc', '003.png'));
    writeFileSync(join(own, 'disc', '003.png'), bytes);
    await runFolder(own, out);
    expectSameRun(whole, out);
  });

  test('a run folder that cannot be written: the path and the reason', async () => {
    if (!existsSync('/proc/self')) return;
    await expect(collect(trainFolder(shapes, smallRun, { out: '/proc/self/run' }))).rejects.toThrow(
      /^Cannot write \/proc\/self\/run: E[A-Z]+: /,
    );
    mkdirSync(join(root, 'blocked', 'best.safetensors'), { recursive: true });
    await expect(collect(trainFolder(shapes, smallRun, { out: join(root, 'blocked') }))).rejects.toThrow(
      /^Cannot write .*blocked/,
    );
  });
});

describe('mixed images', () => {
  test('a run that was stopped in the midst of an epoch mixes on as one that was not', async () => {
    const [whole, resumed] = [fresh(), fresh()];
    const mixing = { mixup: 0.4, cutmix: 1, augment: 'strong', epochs: 2 } as const;
    await runFolder(shapes, whole, mixing);
    await runFolder(shapes, resumed, { ...mixing, stopAfter: 4 });
    await runFolder(shapes, resumed);
    expectSameRun(whole, resumed);
    const plain = fresh();
    await runFolder(shapes, plain, { augment: 'strong', epochs: 2 });
    expect(metricsOf(plain)[0]!.training).not.toEqual(metricsOf(whole)[0]!.training);
  });

  test('are refused where features are trained on', async () => {
    const weights = fileURLToPath(new URL('../../assets/conv4-omniglot.safetensors', import.meta.url));
    const out = fresh();
    await expect(runFolder(shapes, out, { weights, strategy: 'feature-extraction', cutmix: 1 })).rejects.toThrow(
      'cutmix mixes images, but `strategy: "feature-extraction"` trains on features of them',
    );
    expect(existsSync(out)).toBe(false);
  });
});
