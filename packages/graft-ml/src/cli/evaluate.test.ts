import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { plural } from '@graft-ml/core/internal/base/plural';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { graft } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { runFolder } from '../../../../test/runs.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const [one, other] = [join(root, 'one'), join(root, 'other')] as const;

beforeAll(async () => {
  await drawImages(shapes, { perClass: 20 });
  const division = { validationFraction: 0.3, testFraction: 0.2 };
  await runFolder(shapes, one, { ...division, epochs: 1, learningRate: 0.0005 });
  await runFolder(shapes, other, { ...division, epochs: 2 });
}, 120_000);

describe('graft evaluate', () => {
  test('a report of 80 columns, without a code for colours in a pipe; the numbers of --json', async () => {
    const [text, json] = await Promise.all([
      graft(['evaluate', one, shapes, '--curves', '--by-row']),
      graft(['evaluate', one, shapes, '--json', '--top-k', '2']),
    ]);
    expect([text.status, json.status, text.stdout.includes('\u001b')]).toEqual([0, 0, false]);
    expect(Math.max(...text.stdout.split('\n').map((line) => [...line].length))).toBeLessThanOrEqual(80);
    const result = JSON.parse(json.stdout) as Record<string, unknown> & { accuracy: number; topK: unknown };
    expect(result).toMatchObject({ part: 'test', images: 12, topK: [{ k: 2 }], ranking: { method: 'exact' } });
    expect(text.stdout).toContain('12 images (test)');
    expect(text.stdout).toContain(`accuracy           ${(100 * result.accuracy).toFixed(1)} %`);
    for (const part of [
      'Confusion matrix (percent of each row)',
      'Reliability',
      'ROC, each class',
      'Precision, each',
    ]) {
      expect(text.stdout).toContain(part);
    }
  });

  test('--sheet draws what is classified wrongly, and says so', async () => {
    const path = join(root, 'wrong.png');
    const all = ['evaluate', one, shapes, '--part', 'all', '--replicates', '0'];
    const [text, json] = await Promise.all([graft([...all, '--sheet', path]), graft([...all, '--json'])]);
    const { images, correct } = JSON.parse(json.stdout) as { images: number; correct: number };
    const wrong = images - correct;
    expect(wrong).toBeGreaterThan(0);
    const said = `Classified wrongly, the largest loss first: ${plural(Math.min(60, wrong), 'image')} in ${path}.`;
    expect([text.status, text.stdout.includes(said)]).toEqual([0, true]);
    expect((await sharp(path).metadata()).width).toBe(4 + 164 * Math.min(6, wrong));
  });

  test('--predictions writes a file, and says so', async () => {
    const path = join(root, 'predictions.csv');
    const { status, stdout } = await graft(['evaluate', one, shapes, '--predictions', path, '--replicates', '0']);
    expect([status, stdout.includes(`The prediction of each image is in ${path}.`)]).toEqual([0, true]);
    expect(readFileSync(path, 'utf8').trimEnd().split('\n')).toHaveLength(13);
    const wrong = await graft(['evaluate', one, shapes, '--predictions', join(root, 'x.txt')]);
    expect([wrong.status, existsSync(join(root, 'x.txt'))]).toEqual([2, false]);
    expect(wrong.stderr).toContain('--predictions');
  });

  test('--against says on which part two runs are compared, and what is not for choosing', async () => {
    const [validation, test, refused] = await Promise.all([
      graft(['evaluate', one, shapes, '--against', other]),
      graft(['evaluate', one, shapes, '--against', other, '--part', 'test']),
      graft(['evaluate', one, shapes, '--against', other, '--predictions', join(root, 'both.csv')]),
    ]);
    expect([validation.status, test.status, refused.status]).toEqual([0, 0, 2]);
    expect(validation.stdout).toMatch(/^15 images \(validation\)/);
    expect(validation.stdout).toMatch(/McNemar’s exact test: p [=<] 0\.\d+|p = 1\.000/);
    expect(validation.stdout).not.toContain('test part');
    expect(test.stdout).toContain('These are images of a test part. Choose on validation images');
    expect(refused.stderr).toContain('has the probabilities of one run, and --against compares two');
    expect(existsSync(join(root, 'both.csv'))).toBe(false);
  });

  test('--against draws the curves and matrices of both runs, and the images that they answer differently', async () => {
    const path = join(root, 'differences.png');
    const words = ['evaluate', one, shapes, '--against', other, '--replicates', '0'];
    const [text, json] = [
      await graft([...words, '--curves', '--by-row', '--sheet', path]),
      await graft([...words, '--json']),
    ];
    expect([text.status, json.status]).toEqual([0, 0]);
    expect(text.stdout.split('ROC, each class against the rest').length - 1).toBe(2);
    for (const run of [one, other]) expect(text.stdout).toContain(`\n${run.slice(0, 20)}`);
    const { differing } = JSON.parse(json.stdout) as { differing: number };
    if (differing === 0)
      return expect([text.stdout.includes('nothing to draw'), existsSync(path)]).toEqual([true, false]);
    expect(text.stdout).toContain(`that they answer most differently are in ${path}.`);
    const { width } = await sharp(path).metadata();
    expect(width).toBe(4 + 164 * Math.min(6, differing));
  });

  test('graft calibrate: before and after, and then the run says that it is', async () => {
    const before = await graft(['evaluate', one, shapes, '--replicates', '0']);
    expect(before.stdout).not.toContain('temperature');
    const { status, stdout, stderr } = await graft(['calibrate', one]);
    expect([status, stderr]).toEqual([0, 'validation images (15)\n']);
    expect(stdout).toMatch(/fitted to 15 validation images\ntemperature +\d+\.\d{3} .*\nloss +\d\.\d{4} → \d\.\d{4}\n/);
    expect(stdout).toMatch(/calibration error +\d+\.\d % → \d+\.\d %\n/);
    const [after, without] = await Promise.all([
      graft(['evaluate', one, shapes, '--replicates', '0']),
      graft(['evaluate', one, shapes, '--replicates', '0', '--no-calibrated']),
    ]);
    expect(after.stdout).toMatch(/temperature +\d+\.\d{3} {2}\(the run is calibrated\)/);
    expect(without.stdout).toBe(before.stdout);
  });
});
