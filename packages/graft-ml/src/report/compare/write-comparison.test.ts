import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { graft } from '../../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../../test/images.ts';
import { metricsOf, runFolder } from '../../../../../test/runs.ts';
import { meanInterval } from '../../experiment/fold-summary.ts';
import { readRun } from '../../runs/read-run.ts';
import { parseStudy } from '../../study/definition.ts';
import { StudyFile } from '../../study/study-file.ts';
import { distributionOf, summariseRuns } from './runs-summary.ts';
import { writeComparison } from './write-comparison.ts';

ownCache();
const root = temporaryFolder();
const at = (...path: string[]) => join(root, ...path);
const study = at('study');
const common = { validationFraction: 0.4, epochs: 3 } as const;
const trials = [
  { learningRate: 0.003, seed: 0 },
  { learningRate: 0.003, seed: 1 },
  { learningRate: 0.0001, seed: 0 },
  { learningRate: 0.0001, seed: 1 },
] as const;
const pathOf = (i: number) => join(study, `trial-000${i}`);

beforeAll(async () => {
  const shapes = await drawImages(at('shapes'), { perClass: 10 });
  for (const [i, trial] of trials.entries()) await runFolder(shapes, pathOf(i), { ...common, ...trial });
}, 120_000);

describe('runs side by side', () => {
  test('what they recorded, what differs, and the mean over seeds with its interval', async () => {
    const { runs, differences, groups, best, folder, warnings } = await summariseRuns(study);
    expect(folder).toBe(study);
    expect(differences.options.toSorted()).toEqual(['learningRate', 'seed']);
    const recorded = await Promise.all(trials.map(async (_, i) => (await readRun(pathOf(i))).best!));
    for (const [i, { validation, epochs, run, seconds }] of runs.entries()) {
      expect(validation).toMatchObject(recorded[i]!);
      expect(epochs.map(({ epoch, loss, metrics }) => [epoch, loss, metrics.accuracy])).toEqual(
        metricsOf(pathOf(i)).map(({ epoch, loss, accuracy }) => [epoch, loss, accuracy]),
      );
      expect(run.parameters.trained).toBeGreaterThan(1000);
      expect(seconds.at(-1)).toBeGreaterThan(0);
    }
    expect(recorded[best!]!.accuracy).toBe(Math.max(...recorded.map(({ accuracy }) => accuracy)));
    expect(groups.map(({ runs: own }) => own).sort()).toEqual([
      [0, 1],
      [2, 3],
    ]);
    for (const { runs: own, accuracy } of groups) {
      expect(accuracy).toEqual(meanInterval(own.map((i) => recorded[i]!.accuracy)));
    }
    expect(warnings).toEqual([expect.stringContaining('Different seeds or fractions divide a folder')]);
  });

  test('the Pareto front: no other run is both as good and faster', async () => {
    const { runs, front } = await summariseRuns(study);
    const [accuracy, seconds] = [(i: number) => runs[i]!.validation!.accuracy, (i: number) => runs[i]!.seconds.at(-1)!];
    for (const i of runs.keys()) {
      const isBeaten = [...runs.keys()].some((j) => j !== i && accuracy(j) >= accuracy(i) && seconds(j) < seconds(i));
      expect(front.seconds.includes(i)).toBe(!isBeaten);
    }
    // All train as many parameters: the best is alone.
    expect(front.parameters.map(accuracy)).toEqual([Math.max(...runs.map((_, i) => accuracy(i)))]);
  });

  test('the page stands beside the runs, or where it is told, and a run of its own has no folder', async () => {
    const { file, bytes } = await writeComparison(study);
    expect([file, bytes]).toEqual([join(study, 'study.html'), readFileSync(file).length]);
    const page = readFileSync(file, 'utf8');
    for (const id of ['quality', 'options', 'seeds', 'curves', 'cost']) expect(page).toContain(`<h2 id="${id}">`);
    await expect(writeComparison([pathOf(0), pathOf(1)])).rejects.toThrow('which file?');
    const named = await writeComparison([pathOf(0), pathOf(1)], { out: at('two.html') });
    expect(named.runs.map(({ name }) => name)).toEqual(['trial-0000', 'trial-0001']);
  });

  test('a run that is a link is refused, and a name is text in the page', async () => {
    const sent = at('sent');
    const hostile = join(sent, '"><script>alert(1)<&');
    cpSync(pathOf(0), hostile, { recursive: true });
    const page = readFileSync((await writeComparison(sent)).file, 'utf8');
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page).toContain('&quot;&gt;&lt;script&gt;alert(1)&lt;&amp;');
    symlinkSync(pathOf(1), join(sent, 'linked'));
    await expect(writeComparison(sent)).rejects.toThrow(/linked is a link/);
    mkdirSync(at('none'));
    writeFileSync(at('none', 'notes.txt'), '');
    await expect(summariseRuns(at('none'))).rejects.toThrow('holds no run');
  });

  test('graft compare: the table, and JSON with every epoch', async () => {
    const [text, json] = await Promise.all([
      graft(['compare', study]),
      graft(['compare', study, '--json', '--html', at('json.html')]),
    ]);
    expect([text.status, json.status], text.stderr).toEqual([0, 0]);
    expect(text.stdout).toMatch(/^run +validation +learning-rate +seed +best epoch +trained +time +fit/);
    expect(text.stdout).toMatch(/learningRate 0.003 +2 +\d+\.\d % +± \d+\.\d %/);
    expect(text.stdout).toContain(`The page is in ${join(study, 'study.html')}`);
    const { runs, seeds } = JSON.parse(json.stdout) as { runs: { curve: unknown[] }[]; seeds: unknown[] };
    expect([runs.length, runs[0]!.curve.length, seeds.length]).toEqual([4, 3, 2]);
    expect(existsSync(at('json.html'))).toBe(true);
  }, 60_000);
});

describe('the runs of a study', () => {
  test('its own options and ranges, how each trial ended, and what its best came to on the test side', async () => {
    const folder = at('of-study');
    mkdirSync(folder);
    const [one, two] = ['trial-0000', 'trial-0001'];
    cpSync(pathOf(0), join(folder, one!), { recursive: true });
    cpSync(pathOf(2), join(folder, two!), { recursive: true });
    const definition = parseStudy({
      data: at('shapes'),
      space: { learningRate: { kind: 'float', low: 1e-5, high: 1, log: true } },
    });
    const test = { run: one!, accuracy: 0.7, interval: [0.6, 0.8] as const, count: 50, of: 'images' as const };
    {
      using file = await StudyFile.create(folder, definition);
      file.addTrial(0, { learningRate: 0.003 }, [{ name: one!, seed: 0 }], definition);
      file.addTrial(1, { learningRate: 0.0001 }, [{ name: two!, seed: 0 }], definition);
      file.addTrial(2, { learningRate: 0.01 }, [{ name: 'trial-0002', seed: 0 }], definition);
      file.endTrial(0, { state: 'complete', value: 0.8, seconds: 1 }, 1);
      file.endTrial(1, { state: 'pruned', value: null, seconds: 1 }, 2);
      file.endTrial(2, { state: 'failed', value: null, seconds: 1, message: 'no memory' }, 3);
      file.setTest({ trial: 0, ...test });
    }
    const { runs, space, differences, warnings } = await summariseRuns(folder);
    expect(runs.map(({ name, status }) => [name, status])).toEqual([
      [one, 'done'],
      [two, 'pruned'],
    ]);
    expect(space).toEqual(definition.space);
    expect(differences.options).toEqual(['learningRate']);
    expect(runs[0]!.test).toEqual({ accuracy: test.accuracy, interval: test.interval });
    expect(warnings).toContain('1 of 3 trials failed, the first with: no memory');
    const { file } = await writeComparison(folder);
    expect(readFileSync(file, 'utf8')).toContain('70.0\u00a0% (60.0\u00a0% to 80.0\u00a0%)');
  });
});

test('the range of an option: numbers that are far apart on a logarithmic scale, else choices', () => {
  expect(distributionOf([0.001, 0.1])).toEqual({ kind: 'float', low: 0.001, high: 0.1, log: true });
  expect(distributionOf([16, 32, null])).toEqual({ kind: 'float', low: 16, high: 32, log: false });
  expect(distributionOf(['sgd', null, ['a']])).toEqual({ kind: 'categorical', choices: ['sgd', 'null', '["a"]'] });
});
