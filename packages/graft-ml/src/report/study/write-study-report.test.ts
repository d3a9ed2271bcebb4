import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { graft } from '../../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../../test/images.ts';
import { runFolder } from '../../../../../test/runs.ts';
import { compareRuns } from '../../evaluate/compare-runs.ts';
import { evaluateFolder } from '../../evaluate/evaluate-folder.ts';
import { trainFolds } from '../../experiment/cross-validation.ts';
import { readRun } from '../../runs/read-run.ts';
import { type WrittenStudyReport, writeStudyReport } from './write-study-report.ts';

ownCache();
const root = temporaryFolder();
const at = (...path: string[]) => join(root, ...path);
const shapes = at('shapes');
/** A class that would be an element, and a run that would be one. */
const hostileClass = '<img src=x onerror=alert(1)>';
const hostileRun = '"><script>alert(2)<&\'';
const [first, second, third] = [at('runs', 'first'), at('runs', 'second'), at('runs', hostileRun)] as const;
const common = { validationFraction: 0.4, testFraction: 0.2, epochs: 2 } as const;

type Kind<K extends WrittenStudyReport['kind']> = Extract<WrittenStudyReport, { readonly kind: K }>;

async function written<K extends WrittenStudyReport['kind']>(
  kind: K,
  ...args: Parameters<typeof writeStudyReport>
): Promise<Kind<K> & { readonly page: string }> {
  const result = await writeStudyReport(...args);
  if (result.kind !== kind) throw new Error(`a report of ${result.kind}, and not of ${kind}`);
  return { ...(result as Kind<K>), page: readFileSync(result.file, 'utf8') };
}

const percent = (share: number) => `${(100 * share).toFixed(1)}\u00a0%`;

beforeAll(async () => {
  await drawImages(shapes, { perClass: 20 });
  renameSync(join(shapes, 'square'), join(shapes, hostileClass));
  await runFolder(shapes, first, { ...common, learningRate: 0.003 });
  await runFolder(shapes, second, { ...common, learningRate: 0.0002 });
  await runFolder(shapes, third, { ...common, learningRate: 0.0002, optimizer: 'sgd' });
}, 120_000);

describe('the report of several runs', () => {
  test('the accuracies of evaluateFolder on the same images, and what differs between the runs', async () => {
    const { runs, page, file, bytes, warnings } = await written('runs', at('runs'));
    expect([file, bytes]).toEqual([at('runs', 'report.html'), Buffer.byteLength(page)]);
    expect(runs.map(({ run }) => run).sort()).toEqual([first, second, third].sort());
    expect(warnings).toEqual([]);
    for (const { run, evaluated, options, recorded, seconds, flops } of runs) {
      const { part, images, accuracy, interval } = await evaluateFolder(run, shapes, { part: 'validation' });
      expect(evaluated).toEqual({ part, images, accuracy, interval });
      expect(accuracy).toBe(recorded!.accuracy);
      const { config } = await readRun(run);
      const { learningRate, optimizer, weightDecay } = config;
      expect(options).toEqual({
        learningRate: String(learningRate),
        optimizer,
        weightDecay: String(weightDecay),
      });
      expect(seconds).toBeGreaterThan(0);
      // Two epochs of three steps of eight images each.
      expect(flops!.training).toBe(2 * 3 * flops!.perStep);
      expect(page).toContain(`data-v="${accuracy}">${percent(accuracy)}</td>`);
    }
    for (const name of ['learning-rate', 'optimizer', 'weight-decay']) expect(page).toContain(`<code>${name}</code>`);
    expect(page).not.toContain('<code>batch-size</code>');
  });

  test('McNemar’s test of the best two is that of compareRuns; images wrong in all are those of the evaluations', async () => {
    const { best, runs, wrongInAll } = await written('runs', [first, second, third], { out: at('pair.html') });
    const accuracyOf = (name: string) => runs.find((run) => run.name === name)!.evaluated!.accuracy;
    const pathOf = (name: string) => runs.find((run) => run.name === name)!.run;
    const sorted = runs.map(({ evaluated }) => evaluated!.accuracy).sort((a, b) => b - a);
    expect([accuracyOf(best!.first), accuracyOf(best!.second)]).toEqual(sorted.slice(0, 2));
    const compared = await compareRuns(pathOf(best!.first), pathOf(best!.second), shapes, { part: 'validation' });
    expect(best).toMatchObject({ images: compared.images, ...compared.mcnemar });
    expect([best!.difference, ...best!.interval]).toEqual(
      [-compared.difference, -compared.interval[1], -compared.interval[0]].map((value) => expect.closeTo(value, 12)),
    );
    const wrong: string[][] = [];
    for (const { run } of runs) {
      const own: string[] = [];
      const onImage = (image: { path: string; label: number; predicted: number }) => {
        if (image.label !== image.predicted) own.push(image.path);
      };
      await evaluateFolder(run, shapes, { part: 'validation', onImage });
      wrong.push(own);
    }
    const expected = wrong[0]!.filter((path) => wrong.every((own) => own.includes(path)));
    expect([...wrongInAll].sort()).toEqual(expected.sort());
  });

  test('the test part is measured for the run that validation chose, and for no other', async () => {
    const { test: tested, best, page } = await written('runs', at('runs'), { out: at('test.html') });
    const { part, images, accuracy, interval } = await evaluateFolder(at('runs', tested!.name), shapes, {
      part: 'test',
    });
    expect(tested).toEqual({ name: best!.first, part, images, accuracy, interval });
    expect(page.split('12 test images').length - 1).toBe(1);
  });

  test('nothing is loaded, nothing runs but its own script, and no name is markup', async () => {
    const { page } = await written('runs', at('runs'), { out: at('hostile.html') });
    const [, own, script] = /^([\s\S]*)<script>([\s\S]*)<\/script><\/body>/.exec(page)!;
    const digest = createHash('sha256').update(script!).digest('base64');
    expect(own).toContain(`content="default-src &#39;none&#39;; script-src &#39;sha256-${digest}&#39;; style-src`);
    expect(own).toContain('&quot;&gt;&lt;script&gt;alert(2)&lt;&amp;&#39;');
    expect(own).not.toMatch(/<script|<img src=x| on[a-z]+="|(?:src|href)="(?!data:|#)/);
  });

  test('other images, another split and another task are said', async () => {
    const [seeded, fewer, other] = [at('seeded'), at('fewer'), at('other')];
    await runFolder(shapes, seeded, { ...common, seed: 1 });
    await runFolder(shapes, fewer, { ...common, maxPerClass: 10 });
    await drawImages(at('others'), { classes: ['ring', 'bar'], perClass: 10 });
    await runFolder(at('others'), other, { epochs: 1, validationFraction: 0.4 });
    const warningsOf = async (...runs: string[]) => (await writeStudyReport(runs, { out: at('w.html') })).warnings;
    expect(await warningsOf(first, seeded)).toEqual([
      expect.stringMatching(/^Different validation images: (first; seeded|seeded; first)\. /),
    ]);
    expect(await warningsOf(first, fewer)).toContain(
      'Different data: first; fewer. Between these, the runs were trained on different images.',
    );
    expect(await warningsOf(first, other)).toContain(
      'Different classes: first; other. Their accuracies are of different tasks and say nothing about which is better.',
    );
    const { best } = await written('runs', [first, other], { out: at('w.html') });
    expect(best).toBeNull();
  });

  test('an interrupted run counts with its best epoch; one whose images are gone, as it recorded itself', async () => {
    const stopped = at('stopped');
    await runFolder(shapes, stopped, { ...common, epochs: 4, stopAfter: 5 });
    const [gone, moved] = [at('gone'), at('moved')];
    await drawImages(gone, { perClass: 10 });
    await runFolder(gone, moved, { epochs: 1 });
    renameSync(gone, at('away'));
    const { runs, warnings, page } = await written('runs', [stopped, moved, first], { out: at('stopped.html') });
    expect(warnings[0]).toMatch(/^stopped was interrupted after 1 epoch: its numbers are of its best epoch so far\./);
    expect(warnings[1]).toMatch(/^moved could not be evaluated, and counts as it recorded itself: .*no longer there/);
    const { best } = await readRun(moved);
    expect(runs[1]).toMatchObject({ status: 'done', evaluated: null, recorded: { accuracy: best!.accuracy } });
    expect(page).toContain(percent(best!.accuracy));
  });

  test.each([
    ['one run', () => [first], /is one run, and a study has several/],
    ['a folder without any', () => [shapes], /holds no run: it has no run\.json, nor has a folder in it/],
    ['no folder', () => [at('nowhere')], /holds no run: there is no such folder, or it is empty/],
    ['a file of a run', () => [join(first, 'run.json'), second], /It is a file of the run .*first: name that folder/],
  ])('%s is refused', async (_, paths, message) => {
    await expect(writeStudyReport(paths(), { out: at('refused.html') })).rejects.toThrow(message);
    expect(existsSync(at('refused.html'))).toBe(false);
  });

  test('a run that is a link is refused in a folder of runs, which may have been sent', async () => {
    mkdirSync(at('sent'));
    symlinkSync(first, at('sent', 'run'));
    await expect(writeStudyReport(at('sent'))).rejects.toThrow(/run is a link/);
  });

  test('several runs without a file to write to are refused', async () => {
    await expect(writeStudyReport([first, second])).rejects.toThrow('which file?');
  });
});

describe('partial transfer', () => {
  test('accuracy of every ratio against epochs, time and operations, with seeds as repeats', async () => {
    for (const seed of [0, 1]) {
      const start = { ...common, weights: join(first, 'best.safetensors'), seed: 0, augment: 'none' as const };
      const out = (name: string) => at('transfer', `${name}-${seed}`);
      await runFolder(shapes, out('half'), { ...start, transferRatio: 0.5, transferFrozen: 'lower', seed });
      await runFolder(shapes, out('all'), { ...start, transferRatio: 1, seed });
    }
    const { ways, runs, best, page } = await written('runs', at('transfer'));
    expect(ways).toHaveLength(2);
    const [half, all] = ['r = 0.5, lower frozen', 'r = 1'].map((name) => ways.find((way) => way.name === name)!);
    expect([half!.runs, all!.runs]).toEqual([
      ['half-0', 'half-1'],
      ['all-0', 'all-1'],
    ]);
    // The best run is compared with one that is no repeat of it.
    const waysOfBest = ways.filter((way) => [best!.first, best!.second].some((name) => way.runs.includes(name)));
    expect(waysOfBest).toHaveLength(2);
    const accuracies = runs.filter(({ name }) => half!.runs.includes(name)).map(({ evaluated }) => evaluated!.accuracy);
    expect(half).toMatchObject({ lowest: Math.min(...accuracies), highest: Math.max(...accuracies) });
    expect(half!.mean).toBeCloseTo((accuracies[0]! + accuracies[1]!) / 2, 12);
    const flopsOf = (name: string) => runs.find((run) => run.name === name)!.flops!;
    expect(flopsOf('half-0').perStep).toBeLessThan(flopsOf('all-0').perStep);
    // The frozen layers run once for each image: more than the steps, less than training everything.
    expect(flopsOf('half-0').training).toBeGreaterThan(6 * flopsOf('half-0').perStep);
    expect(flopsOf('half-0').training).toBeLessThan(flopsOf('all-0').training);
    for (const title of ['Accuracy by epoch', 'Accuracy against time', 'Accuracy against operations']) {
      expect(page).toContain(`aria-label="${title}, lower blocks frozen"`);
    }
    expect(page).not.toContain('upper blocks frozen"');
    expect(page).toMatch(/<th scope="row">r = 0\.5, lower frozen<\/th><td>3: layer3 to head<\/td>/);
  });
});

describe('the report of a cross-validation', () => {
  const out = at('folds');

  beforeAll(async () => {
    for await (const _ of trainFolds(shapes, { model: 'conv4', epochs: 2, batchSize: 8, threads: 1 }, 3, { out }));
  }, 120_000);

  test('the mean over folds as recorded, and every image once, out of its fold', async () => {
    const { summary, outOfFold, runs, file, page } = await written('folds', out);
    expect(file).toBe(join(out, 'report.html'));
    const recorded = JSON.parse(readFileSync(join(out, 'folds.json'), 'utf8')) as {
      folds: { accuracy: number; validation: number }[];
      accuracy: object;
    };
    expect(summary!.accuracy).toEqual(recorded.accuracy);
    expect(runs.map(({ name }) => name)).toEqual(['fold 1', 'fold 2', 'fold 3']);
    expect(outOfFold!.images).toBe(60);
    expect(outOfFold!.confusion.map((row) => row.reduce((sum, count) => sum + count, 0))).toEqual([20, 20, 20]);
    const right = recorded.folds.reduce((sum, { accuracy, validation }) => sum + accuracy * validation, 0);
    expect(outOfFold!.accuracy).toBeCloseTo(right / 60, 12);
    expect(page).toContain('60 images out of fold');
    expect(page).not.toMatch(/<script|<img src=x/);
  });

  test('a fold that is missing is said, and the others are counted', async () => {
    renameSync(join(out, 'fold-2'), at('fold-2'));
    try {
      const { warnings, outOfFold, summary } = await written('folds', out, { out: at('two.html') });
      expect(warnings).toEqual(['1 fold is missing: the images of it are not counted here.']);
      expect([outOfFold!.images, summary!.folds.length]).toEqual([40, 2]);
    } finally {
      renameSync(at('fold-2'), join(out, 'fold-2'));
    }
  });

  test('graft train --folds leaves it, and not with --no-report', async () => {
    const words = ['train', shapes, '--model', 'conv4', '--epochs', '1', '--threads', '1', '--folds', '2', '--out'];
    const [with_, without] = [at('with'), at('without')];
    const [one, two] = [await graft([...words, with_]), await graft([...words, without, '--no-report'])];
    expect([one.status, two.status]).toEqual([0, 0]);
    expect(one.stderr).toContain(`The report is in ${join(with_, 'report.html')}`);
    expect([existsSync(join(with_, 'report.html')), existsSync(join(without, 'report.html'))]).toEqual([true, false]);
    expect(existsSync(join(with_, 'fold-1', 'report.html'))).toBe(false);
  }, 120_000);
});

describe('graft report of several runs', () => {
  test('its numbers as text and as JSON; without --out, and with what is of one run, it is used wrongly', async () => {
    const out = at('cli.html');
    const [text, json, none, map] = await Promise.all([
      graft(['report', first, second, '--out', out]),
      graft(['report', at('runs'), '--out', at('json.html'), '--json']),
      graft(['report', first, second]),
      graft(['report', first, second, '--out', out, '--no-map']),
    ]);
    expect([text.status, json.status, none.status, map.status]).toEqual([0, 0, 2, 2]);
    expect(text.stdout).toMatch(/^run +validation +95 % interval +trained +time/);
    expect(text.stdout).toContain(`The report is in ${out}`);
    expect(none.stderr).toContain('which file?');
    expect(map.stderr).toContain('for the report of one run');
    const { kind, runs } = JSON.parse(json.stdout) as WrittenStudyReport;
    expect([kind, runs.length]).toEqual(['runs', 3]);
  });

  test('a folder that holds none is refused, with what to name', async () => {
    mkdirSync(at('empty', 'x'), { recursive: true });
    writeFileSync(at('empty', 'notes.txt'), '');
    const { status, stderr } = await graft(['report', at('empty')]);
    expect([status, stderr.includes('Name a run folder, a folder of runs, or several runs.')]).toEqual([1, true]);
  });
});
