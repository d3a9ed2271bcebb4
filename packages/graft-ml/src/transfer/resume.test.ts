import { cpSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrainConfigInput } from '@graft-ml/core/internal/recipe/config/index';
import { readLast } from '@graft-ml/core/internal/runs/checkpoints';
import { trainingRuns } from '@graft-ml/core/internal/runs/run-file';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun, metricsOf, runFolder, smallRun } from '../../../../test/runs.ts';
import { collect } from '../../../../test/training.ts';
import { evaluateFolder } from '../evaluate/evaluate-folder.ts';
import { openRun } from '../evaluate/open-run.ts';
import { resumeFolds, trainFolds } from '../experiment/cross-validation.ts';
import { defaultCacheFolder } from '../files/cache-folder.ts';
import { readConfigFile } from '../runs/config-file.ts';
import { readRun } from '../runs/read-run.ts';
import { openRunStore } from '../runs/run-store.ts';
import { resumeTraining } from './train-folder.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const whole = join(root, 'whole');
const stopped = join(root, 'stopped');
let count = 0;
const fresh = () => join(root, `run${count++}`);

function copyOf(run: string): string {
  const out = fresh();
  cpSync(run, out, { recursive: true });
  return out;
}

beforeAll(async () => {
  await drawImages(shapes, { perClass: 12 });
  await runFolder(shapes, whole);
  await runFolder(shapes, stopped, { stopAfter: 4 });
});
afterEach(() => vi.unstubAllEnvs());

/** From here on it is another user, who has their own home. */
const asAnother = () => vi.stubEnv('GRAFT_CACHE', join(root, `home${count++}`));

describe('a dataset that was moved', () => {
  test('is named when the run is resumed, known again by its content, and noted', async () => {
    const own = join(root, 'own');
    const out = fresh();
    cpSync(shapes, own, { recursive: true });
    await runFolder(own, out, { stopAfter: 4 });
    const moved = join(root, 'moved');
    renameSync(own, moved);
    await expect(collect(resumeTraining(out))).rejects.toThrow(
      `${own}, the dataset of ${out}, is no longer there. Pass \`data\` with where it is now.`,
    );
    const controller = new AbortController();
    for await (const event of resumeTraining(out, { data: moved, signal: controller.signal })) {
      if (event.kind === 'step') controller.abort();
    }
    expect((await readRun(out)).folder).toBe(moved);
    await collect(resumeTraining(out));
    expectSameRun(whole, out);
  });

  test('is refused where it is another', async () => {
    const other = await drawImages(join(root, 'other'), { perClass: 12, first: 100 });
    const before = readFileSync(join(stopped, 'run.json'), 'utf8');
    await expect(collect(resumeTraining(stopped, { data: other }))).rejects.toThrow(
      `${other} does not hold the images that ${stopped} was started with (fingerprint `,
    );
    expect(readFileSync(join(stopped, 'run.json'), 'utf8')).toBe(before);
  });
});

describe('of a run that another user made', () => {
  test('the dataset is opened only where it is named; then the run is this user’s', async () => {
    const out = copyOf(stopped);
    asAnother();
    await expect(collect(resumeTraining(out))).rejects.toThrow(
      /was not made by you on this machine.* Pass `data` with the folder of its images; it says .*shapes\./,
    );
    await collect(resumeTraining(out, { data: shapes }));
    expectSameRun(whole, out);
    await expect(collect(resumeTraining(out))).rejects.toThrow('is complete');
  });

  test('a place cannot be passed off as one’s own, by a signature or a key', async () => {
    const out = copyOf(stopped);
    const run = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8'));
    const { checksum: _, ...rest } = run;
    for (const change of [{ folder: root }, { config: { ...run.config, weights: '/etc/passwd' } }, { signature: '' }]) {
      writeFileSync(join(out, 'run.json'), JSON.stringify({ ...rest, ...change }));
      await expect(collect(resumeTraining(out))).rejects.toThrow('was not made by you on this machine');
    }
    const key = join(defaultCacheFolder(), `user-${process.getuid?.()}.key`);
    expect(statSync(key).mode & 0o777).toBe(0o600);
  });

  test('no file that it began with is opened unasked', async () => {
    const start = join(whole, 'best.safetensors');
    const out = fresh();
    await runFolder(shapes, out, { strategy: 'full', weights: start, stopAfter: 4 });
    const sent = copyOf(out);
    await collect(resumeTraining(out));
    asAnother();
    await expect(collect(resumeTraining(sent, { data: shapes }))).rejects.toThrow(
      `Pass \`weights\` with the file that it began with; it says ${start}.`,
    );
    await expect(readConfigFile(join(sent, 'run.json'), undefined, ['config'])).rejects.toThrow('Pass `weights`');
    expect((await readConfigFile(join(sent, 'run.json'), undefined, ['weights'])).folder).toBe(null);
    await collect(resumeTraining(sent, { data: shapes, weights: start }));
    expectSameRun(out, sent);
  });

  test('a cross-validation is asked for its dataset, too', async () => {
    const out = fresh();
    const controller = new AbortController();
    const options = { out, signal: controller.signal };
    for await (const event of trainFolds(shapes, { ...smallRun, epochs: 1 }, 2, options)) {
      if (event.kind === 'step') controller.abort();
    }
    asAnother();
    await expect(collect(resumeFolds(out))).rejects.toThrow('Pass `data`');
    const events = await collect(resumeFolds(out, { data: shapes }));
    expect(events.at(-1)!.kind).toBe('folds');
  });
});

describe('a run that is done', () => {
  const longer = async (config: TrainConfigInput, stopAfter = Number.POSITIVE_INFINITY) => {
    const out = fresh();
    await runFolder(shapes, out, config);
    const notes: string[] = [];
    const controller = new AbortController();
    let steps = 0;
    for await (const event of resumeTraining(out, { epochs: 5, signal: controller.signal })) {
      if (event.kind === 'ready') notes.push(...event.notes);
      if (event.kind === 'step' && ++steps >= stopAfter) controller.abort();
    }
    return { out, notes };
  };

  test('says how to train it longer', async () => {
    await expect(collect(resumeTraining(whole))).rejects.toThrow(
      `${whole} is complete: it has had its 3 epochs. \`resumeTraining(${JSON.stringify(whole)}, { epochs: 6 })\` trains it longer.`,
    );
    await expect(collect(resumeTraining(whole, { epochs: 3 }))).rejects.toThrow('has had 3 epochs already');
    await expect(collect(resumeTraining(stopped, { epochs: 5 }))).rejects.toThrow('is not complete yet');
  });

  test('with a schedule that does not know the end, is as if it had had them from the start, bit for bit', async () => {
    const out = fresh();
    await runFolder(shapes, out, { schedule: 'exponential', epochs: 5, ema: 0.9 });
    const { out: more, notes } = await longer({ schedule: 'exponential', epochs: 3, ema: 0.9 });
    expect(notes).toContain('The run goes on with epochs 4 to 5, as if it had been given 5 from the start.');
    expectSameRun(out, more);
    const { addedEpochs, changes, config } = await readRun(more);
    expect({ addedEpochs, changes, epochs: config.epochs }).toEqual({
      addedEpochs: 2,
      changes: [{ epoch: 3, change: '3 epochs became 5' }],
      epochs: 3,
    });
  });

  test('with one that does, says what that means; it can be interrupted, and given more again', async () => {
    const { out, notes } = await longer({});
    expect(notes.at(-1)).toMatch(
      /^The run goes on with epochs 4 to 5\. The schedule one-cycle goes over the whole run: .* as in a run of 5\./,
    );
    expect(metricsOf(out).map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5]);
    const { out: cut } = await longer({}, 2);
    await collect(resumeTraining(cut));
    expectSameRun(out, cut);
    await collect(resumeTraining(cut, { epochs: 6 }));
    expect((await readLast(cut, trainingRuns, openRunStore)).phase.epoch).toBe(6);
  });

  test('gradual unfreezing keeps its stages, and the last goes on', async () => {
    const weights = join(whole, 'best.safetensors');
    const config = { strategy: 'gradual', weights, epochs: 4 } as const;
    const { out } = await longer(config);
    const stages = metricsOf(out).map(({ stage }) => stage);
    expect(new Set(stages.slice(0, 4)).size).toBe(4);
    expect(stages[4]).toBe(stages[3]);
  });

  test('that stopped early would stop again', async () => {
    const out = fresh();
    await runFolder(shapes, out, { epochs: 40, patience: 1, learningRate: 0.1 });
    await expect(collect(resumeTraining(out, { epochs: 50 }))).rejects.toThrow('the run stopped early');
    expect((await readRun(out)).status).toBe('done');
  });
});

describe('a checkpoint that is damaged', () => {
  const damage = (out: string, name: string) => {
    const file = join(out, name);
    const bytes = readFileSync(file);
    bytes[bytes.length - 100]! ^= 0x40;
    writeFileSync(file, bytes);
  };

  test('last: the best one is offered, and the run goes on from there', async () => {
    const out = copyOf(stopped);
    damage(out, 'last.safetensors');
    await expect(collect(resumeTraining(out))).rejects.toThrow(
      `best.safetensors beside it is sound (epoch 1): \`resumeTraining(${JSON.stringify(out)}, { from: "best" })\` goes on from there`,
    );
    await collect(resumeTraining(out, { from: 'best' }));
    expect(metricsOf(out).map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
    expect(metricsOf(out)[0]).toEqual(metricsOf(whole)[0]);
    const { status, changes } = await readRun(out);
    expect({ status, changes }).toEqual({
      status: 'done',
      changes: [{ epoch: 1, change: 'resumed from best.safetensors, with a new optimizer state' }],
    });
  });

  test('best: the last one is offered, and can be evaluated', async () => {
    const out = copyOf(whole);
    damage(out, 'best.safetensors');
    await expect(openRun(out)).rejects.toThrow(
      'last.safetensors beside it is sound (epoch 3): `checkpoint: "last"` uses that',
    );
    const { loss } = await evaluateFolder(out, shapes, { checkpoint: 'last', threads: 1 });
    expect(loss).toBeCloseTo(Number(metricsOf(out)[2]!.loss), 5);
  });

  test('last of a run whose backbone was frozen takes that from where the run had it', async () => {
    const weights = join(whole, 'best.safetensors');
    const out = fresh();
    await runFolder(shapes, out, { strategy: 'feature-extraction', weights, epochs: 2, ema: 0.5 });
    const { loss } = await evaluateFolder(out, shapes, { checkpoint: 'last', threads: 1 });
    expect(loss).toBeCloseTo(Number(metricsOf(out)[1]!.loss), 4);
    rmSync(join(out, 'last.safetensors'));
    await expect(openRun(out, { checkpoint: 'last' })).rejects.toThrow('has no last.safetensors');
  });

  test('both: that is said', async () => {
    const out = copyOf(stopped);
    damage(out, 'last.safetensors');
    damage(out, 'best.safetensors');
    await expect(collect(resumeTraining(out))).rejects.toThrow('best.safetensors beside it cannot be read either');
  });
});

test('a run of version 0.1 is read as it was, and asked for its dataset', async () => {
  const out = copyOf(stopped);
  const run = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8'));
  for (const key of ['checksum', 'signature', 'changes', 'addedEpochs', 'onnxSha256', 'before']) delete run[key];
  writeFileSync(join(out, 'run.json'), JSON.stringify(run));
  await openRun(out);
  await expect(collect(resumeTraining(out))).rejects.toThrow('or by a version of Graft before 0.2');
  await collect(resumeTraining(out, { data: shapes }));
  expectSameRun(whole, out);
});

test('a run whose options stand as texts in run.json, as in version 0.1, goes on as it was begun', async () => {
  const config: TrainConfigInput = {
    strategy: 'gradual',
    unfreeze: [
      { epoch: 1, train: ['head'] },
      { epoch: 2, train: ['layer4', 'layer3'] },
    ],
    head: [8, 'relu'],
    mean: [0.5, 0.5, 0.5],
    std: [0.25, 0.25, 0.25],
    augment: [{ kind: 'rotate', degrees: 20 }],
    schedule: 'multi-step',
    milestones: [1, 2],
    rates: { head: 1e-3, '*': 1e-4 },
    freeze: ['layer1'],
    fold: { index: 1, of: 3 },
    backboneRate: 0.3,
    log: ['csv'],
    weights: join(whole, 'best.safetensors'),
  };
  const [one, two] = [fresh(), fresh()];
  await runFolder(shapes, one, config);
  await runFolder(shapes, two, { ...config, stopAfter: 4 });
  const file = join(two, 'run.json');
  const run = JSON.parse(readFileSync(file, 'utf8'));
  const rates = Object.entries(config.rates!);
  expect(run.config).toMatchObject({ ...config, rates });
  const texts = {
    unfreeze: '1:head,2:layer4+layer3',
    head: '8, relu',
    mean: '0.5,0.5,0.5',
    std: '.25,.25,.25',
    augment: 'rotate=20',
    milestones: '1,2',
    rates: 'head=1e-3,*=1e-4',
    freeze: 'layer1',
    fold: '1/3',
    log: 'csv',
  };
  const { backboneRate: trunkRate, ...named } = run.config; // its name in version 0.1
  writeFileSync(file, JSON.stringify({ ...run, config: { ...named, ...texts, trunkRate }, checksum: undefined }));
  expect((await readRun(two)).config).toEqual(run.config);
  await runFolder(shapes, two);
  expectSameRun(one, two);
});
