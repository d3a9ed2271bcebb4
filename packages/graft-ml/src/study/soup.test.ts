import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { averageTensors } from '@graft-ml/core/internal/weights/average';
import { beforeAll, describe, expect, test } from 'vitest';
import { graft } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { runFolder } from '../../../../test/runs.ts';
import { evaluateFolder } from '../evaluate/evaluate-folder.ts';
import { openRun } from '../evaluate/open-run.ts';
import { readRun } from '../runs/read-run.ts';
import { greedySoup } from './soup.ts';
import { wiseFt } from './wise-ft.ts';

ownCache();
const root = temporaryFolder();
const at = (...path: string[]) => join(root, ...path);
const shapes = at('shapes');
const common = { validationFraction: 0.3, testFraction: 0.2, epochs: 2 } as const;
const study = at('study');
const [first, second, third] = [join(study, 'a'), join(study, 'b'), join(study, 'c')] as const;

beforeAll(async () => {
  await drawImages(shapes, { perClass: 20 });
  await runFolder(shapes, first, { ...common });
  // Repeats of the first from where it stopped, so that their average is in the same basin.
  await runFolder(shapes, second, { ...common, weights: join(first, 'best.safetensors'), learningRate: 0.0005 });
  await runFolder(shapes, third, { ...common, weights: join(first, 'best.safetensors'), learningRate: 0.5 });
}, 120_000);

const weightsOf = async (run: string) => {
  await using opened = await openRun(run);
  return opened.variables;
};

describe('a greedy soup', () => {
  test('keeps a run only where validation does not fall, and is a run of the average of those that it kept', async () => {
    // Each has a twin, with which the average is as good as it was: so the best is not alone on any machine.
    for (const run of [first, second, third]) cpSync(run, `${run}-twin`, { recursive: true });
    const out = at('soup');
    const soup = await greedySoup(study, { out });
    expect(soup.ingredients).toHaveLength(6);
    let accuracy = soup.ingredients[0]!.validation.accuracy;
    expect(Math.max(...soup.ingredients.map(({ validation }) => validation.accuracy))).toBe(accuracy);
    for (const { withIt, kept } of soup.ingredients.slice(1)) {
      expect(kept).toBe(withIt!.accuracy >= accuracy);
      if (kept) accuracy = withIt!.accuracy;
    }
    expect(soup.validation.soup.accuracy).toBe(accuracy);
    expect(accuracy).toBeGreaterThanOrEqual(soup.validation.best.accuracy);
    const kept = soup.ingredients.filter((one) => one.kept);
    expect(soup.out).toBe(kept.length > 1 ? out : null);
    expect(kept.length).toBeGreaterThan(1);
    const ingredients = await Promise.all(
      kept.map(async ({ run }) => ({ source: run, tensors: await weightsOf(run) })),
    );
    expect(await weightsOf(out)).toEqual(averageTensors(ingredients));
    for (const part of ['validation', 'test'] as const) {
      const { accuracy: share, images } = await evaluateFolder(out, shapes, { part });
      expect(soup[part]!.soup).toMatchObject({ accuracy: share, images });
    }
    const { best, status, changes } = await readRun(out);
    expect([best!.accuracy, status]).toEqual([accuracy, 'done']);
    expect(changes[0]!.change).toMatch(/^weights averaged from other runs: greedy soup of /);
    const { run: top } = soup.ingredients[0]!;
    expect((await evaluateFolder(top, shapes, { part: 'test' })).accuracy).toBe(soup.test!.best.accuracy);
  }, 60_000);

  test('runs of another split or network are left out with the reason, and two are needed', async () => {
    const other = at('other');
    await runFolder(shapes, other, { ...common, epochs: 1, learningRate: 1e-6, seed: 1 });
    const soup = await greedySoup([first, `${first}-twin`, other], { out: at('two') });
    expect(soup.leftOut.map(({ run }) => run)).toEqual([other]);
    expect(soup.leftOut[0]!.reason).toMatch(/^it was trained on \d+ of the 27 images/);
    await expect(greedySoup([first, other], { out: at('none') })).rejects.toThrow(
      /A soup is made of two runs or more, and 1 can be averaged\.\n.*it was trained on/,
    );
    expect(existsSync(at('none'))).toBe(false);
  }, 60_000);

  test('the command says what each run brought', async () => {
    const { stdout, status } = await graft(['soup', study, '--out', at('by-command')]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/run +validation +soup with it/);
    expect(stdout).toMatch(/test +best run \d+\.\d %.*soup \d+\.\d %/);
    expect((await graft(['soup', study])).status).toBe(2);
  }, 60_000);
});

describe('WiSE-FT', () => {
  test('measures both ends as they are, and writes the best α where it is better than both', async () => {
    const out = at('wise');
    const { curve, best, test: onTest, out: written } = await wiseFt(first, second, { out, alphas: [0.25, 0.5, 0.75] });
    expect(curve.map(({ alpha }) => alpha)).toEqual([0, 0.25, 0.5, 0.75, 1]);
    const validation = async (run: string) => (await evaluateFolder(run, shapes, { part: 'validation' })).accuracy;
    expect([curve[0]!.accuracy, curve.at(-1)!.accuracy]).toEqual([await validation(first), await validation(second)]);
    expect(best.accuracy).toBe(Math.max(...curve.map(({ accuracy }) => accuracy)));
    expect(written).toBe(best.alpha > 0 && best.alpha < 1 ? out : null);
    expect(existsSync(join(out, 'run.json'))).toBe(written !== null);
    expect(onTest!.fineTuned.accuracy).toBe((await evaluateFolder(second, shapes, { part: 'test' })).accuracy);
  }, 60_000);

  test('with the start of the fine-tuned run: its backbone under the head that it has now', async () => {
    const { curve } = await wiseFt('start', second, { out: at('from-start'), alphas: [] });
    expect(curve.map(({ alpha }) => alpha)).toEqual([0, 1]);
    await expect(wiseFt('start', first, { out: at('from-start') })).rejects.toThrow('began with random weights');
    await expect(wiseFt(first, second, { out: at('x'), alphas: [2] })).rejects.toThrow('from 0 to 1, received 2');
  }, 60_000);
});

test('the record of an average is not repeated by a command', async () => {
  expect(readFileSync(join(at('soup'), 'run.json'), 'utf8')).toContain('weights averaged from other runs');
});
