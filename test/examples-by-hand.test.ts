import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/* The examples of loops that a person writes, run as built. */

const root = fileURLToPath(new URL('..', import.meta.url));

/** What an example prints. */
function run(name: string): string {
  const script = join(root, 'dist', 'examples', `${name}.js`);
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout;
}

/** The numbers of each line that the pattern matches. */
function numbersIn(text: string, pattern: RegExp): number[][] {
  return [...text.matchAll(pattern)].map((match) => match.slice(1).map(Number));
}

test('maml-by-hand: two inner steps help only after meta-training', () => {
  const losses = numbersIn(run('maml-by-hand'), /^\d+ steps: query loss (\S+), adapted (\S+)$/gm);
  expect(losses.length).toBe(5);
  const [[before, adapted], [lastBefore, lastAdapted]] = [losses[0]!, losses.at(-1)!] as [number[], number[]];
  expect(adapted! / before!).toBeGreaterThan(0.9);
  expect(lastAdapted! / lastBefore!).toBeLessThan(0.4);
  expect(lastAdapted!).toBeLessThan(0.25 * adapted!);
});

test('boil-by-hand: the inner loop learns a task and leaves the head alone', () => {
  const output = run('boil-by-hand');
  const losses = numbersIn(output, /^\d+ steps: query loss (\S+), adapted (\S+)$/gm);
  // Guessing among four classes costs log 4.
  expect(losses.at(-1)![0]).toBeGreaterThan(1);
  expect(losses.at(-1)![1]).toBeLessThan(0.2);
  const moved = output.match(/^moved by the inner loop: (.*)$/m)![1]!.split(', ');
  expect(moved).toEqual(expect.arrayContaining(['layer1.conv.weight', 'layer1.bn.weight', 'layer2.conv.weight']));
  expect(moved.filter((name) => name.startsWith('head.'))).toEqual([]);
});

test('own-loop: learns, while layers are frozen and unfrozen', () => {
  const output = run('own-loop');
  const epochs = numbersIn(output, /^\d+: (\d+) trained, loss (\S+), accuracy (\S+)$/gm);
  expect(epochs.map(([trained]) => trained)).toEqual([...Array(6).fill(17), ...Array(3).fill(8), ...Array(3).fill(14)]);
  const [[, first], [, last, accuracy]] = [epochs[0]!, epochs.at(-1)!] as [number[], number[]];
  expect(last!).toBeLessThan(0.3 * first!);
  expect(accuracy).toBeGreaterThan(0.75); // of three classes
  expect(numbersIn(output, /^the model: .*"accuracy":(\S+)}$/gm)[0]![0]).toBeCloseTo(accuracy!, 3);
});
