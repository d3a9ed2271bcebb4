import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exportClassifier } from 'graft-ml/export';
import { openRun } from 'graft-ml/internal/evaluate/open-run';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawImages, temporaryFolder } from './images.ts';
import { runFolder } from './runs.ts';

/* The examples of what courses teach, run as built: on drawn images, with random weights, at 32 pixels. */

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = temporaryFolder();
beforeAll(() => drawImages(join(folder, 'photos'), { perClass: 20 }).then(() => undefined));

/** What an example prints. */
function run(name: string, args: readonly string[] = []): string {
  const script = join(root, 'dist', 'examples', `${name}.js`);
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { cwd: folder, encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout;
}
const onImages = (name: string) => run(name, ['photos', 'none', '32']);

/** The numbers that a pattern with one group finds. */
const numbersIn = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, number]) => Number(number));

test.each(readdirSync(join(root, 'examples')).filter((name) => name !== 'quickstart.ts'))(
  '%s is short and says first what it shows',
  (name) => {
    const lines = readFileSync(join(root, 'examples', name), 'utf8')
      .trimEnd()
      .split('\n');
    expect(lines.length).toBeLessThanOrEqual(60);
    expect(lines[0]).toBe('/*');
    expect(lines[1]).toMatch(/^ \* Shows /);
  },
);

describe('on a folder of images', { timeout: 600_000 }, () => {
  test('fine-tune: learns, and leaves a run that predicts and an ONNX file', async () => {
    const output = onImages('fine-tune');
    expect(numbersIn(output, /accuracy (\S+)$/gm).length).toBe(3);
    expect(numbersIn(output, /accuracy: (\S+) }/g)[0]).toBeGreaterThan(0.4); // from random weights; a third is guessing
    expect(readFileSync(join(folder, 'model.onnx')).length).toBe(numbersIn(output, /has (\d+) bytes/g)[0]);
    await using classifier = await openRun(join(folder, 'runs', 'fine-tuned'));
    expect(classifier.classes).toEqual(['cross', 'disc', 'square']);
    const discs = join(folder, 'photos', 'disc');
    const { probabilities } = await classifier.classify(join(discs, readdirSync(discs)[0]!));
    expect(probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
    expect(classifier.seen).toMatchObject({ history: ['fit'], isComplete: true });
  });

  test('last-layer: the new layer alone, then everything', () => {
    const output = onImages('last-layer');
    expect(output).toContain('Feature extraction: 1539 parameters are trained'); // 3 · (512 + 1)
    expect(output).toContain('Fine-tuning: 11178051 parameters are trained');
    expect(numbersIn(output, /accuracy (\S+)$/gm)[4]).toBeGreaterThan(0.6);
  });

  test('gradual-unfreezing: each block moves once it is unfrozen, and no other', () => {
    const output = onImages('gradual-unfreezing');
    expect(output.match(/from epoch \d on: \w+/g)).toEqual([
      'from epoch 1 on: head',
      'from epoch 3 on: layer4',
      'from epoch 4 on: layer3',
    ]);
    const [head, layer4, layer3, layer2] = numbersIn(output, /moved by (\S+)$/gm);
    expect(Math.min(head!, layer4!, layer3!)).toBeGreaterThan(1e-4);
    expect(layer2).toBe(0);
  });

  test('deep-head: two linear layers where there was one', () => {
    const output = onImages('deep-head');
    expect(output).toContain('fc.0.weight (64, 512)');
    expect(output).toContain('fc.3.weight (3, 64)');
    expect(numbersIn(output, /accuracy (\S+)$/gm)[0]).toBeGreaterThan(0.6);
  });

  test('study: trials that differ, of which the best is kept', () => {
    const output = run('study', ['photos', 'none', '32', '3']);
    expect(output.match(/^trial \d: /gm)).toHaveLength(3);
    const accuracies = numbersIn(output, /^trial \d: accuracy (\S+)$/gm);
    expect(numbersIn(output, /^best: trial \d, accuracy (\S+)/gm)).toEqual([Math.max(...accuracies)]);
    expect(output).toMatch(/learningRate: [\d.e-]+/);
  });

  test('features: a probe on what the backbone gives', () => {
    const output = onImages('features');
    expect(output).toContain('60 images, 512 features each');
    expect(numbersIn(output, /accuracy (\S+)$/gm)[0]).toBeGreaterThan(0.6);
  });

  test('partial-transfer: as many blocks as the ratio says', () => {
    const frozen = [...onImages('partial-transfer').matchAll(/^frozen: (.*);/gm)].map(([, blocks]) =>
      blocks!.split(', '),
    );
    expect(frozen.map(({ length }) => length)).toEqual([1, 5, 9]);
    expect(frozen[0]).toEqual(['nothing']);
    expect(frozen[1]).toEqual(['stem', 'layer1.0', 'layer1.1', 'layer2.0', 'layer2.1']);
  });
});

describe('on data of one’s own', { timeout: 600_000 }, () => {
  test('regression: nine tenths of the points are below what the pinball loss finds', () => {
    const output = run('regression');
    expect(numbersIn(output, /below (\S+)$/gm).at(-1)).toBeCloseTo(0.9, 1);
    expect(Math.abs(numbersIn(output, /are below (\S+);/g)[0]! - 1.38)).toBeLessThan(0.25);
  });

  test('multi-label: three labels at once, one of them rare', () => {
    const output = run('multi-label');
    expect(numbersIn(output, /F1 (\S+),/g)[0]).toBeGreaterThan(0.9);
    expect(numbersIn(output, /right (\S+)$/gm)[0]).toBeGreaterThan(0.95);
  });

  test('meta-learning: classes that were never seen are told apart', () => {
    const accuracies = numbersIn(run('meta-learning'), /^(?:maml|boil): accuracy (\S+)$/gm);
    expect(accuracies).toHaveLength(2);
    for (const accuracy of accuracies) expect(accuracy).toBeGreaterThan(0.85);
  });

  test('stream: what an async generator gives is learned from', () => {
    expect(numbersIn(run('stream'), /accuracy (\S+)$/gm).at(-1)).toBeGreaterThan(0.9);
  });
});

describe('service', () => {
  test('answers images, refuses what is none, and ends when asked to', async () => {
    await runFolder(join(folder, 'photos'), join(folder, 'served'), { epochs: 1 });
    await using classifier = await openRun(join(folder, 'served'), { threads: 1 });
    await exportClassifier(classifier, join(folder, 'served.onnx'));
    const script = join(root, 'dist', 'examples', 'service.js');
    const service = spawn(process.execPath, [script, join(folder, 'served.onnx'), '0'], {
      stdio: ['ignore', 'pipe', 2],
    });
    try {
      const port = await new Promise<string>((resolve, reject) => {
        service.once('exit', (code) => reject(new Error(`it ended with ${code}`)));
        service.stdout!.on('data', (text) => /port: (\d+)/.test(text) && resolve(/port: (\d+)/.exec(text)![1]!));
      });
      const post = async (body: Uint8Array<ArrayBuffer>) => {
        const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body });
        return [response.status, await response.json()];
      };
      const image = new Uint8Array(readFileSync(join(folder, 'photos', 'disc', '000.png')));
      const { classes } = await classifier.classify(image);
      const answered = classes.map(({ name, probability }) => ({ name, probability: expect.closeTo(probability, 5) }));
      expect(await post(image)).toEqual([200, answered]);
      expect(await post(new TextEncoder().encode('no image'))).toEqual([
        400,
        { error: expect.stringMatching('neither') },
      ]);
      expect(await post(new Uint8Array(21e6))).toEqual([413, { error: expect.stringMatching('at most') }]);
      expect((await post(image))[0]).toBe(200);
    } finally {
      service.removeAllListeners('exit').kill('SIGTERM');
    }
    expect(await new Promise((resolve) => service.once('exit', resolve))).toBe(0);
  });
});
