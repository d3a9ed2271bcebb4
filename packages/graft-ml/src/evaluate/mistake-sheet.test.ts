import { existsSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { drawImages, temporaryFolder } from '../../../../test/images.ts';
import { Mistakes } from './mistake-sheet.ts';

const root = temporaryFolder();
const classes = ['cross', 'disc', 'square'];

test('the worst wrong answers, the largest loss first, on a contact sheet', async () => {
  const folder = await drawImages(join(root, 'shapes'), { perClass: 2 });
  const mistakes = new Mistakes(2);
  const answers = [
    [0, [0.8, 0.1, 0.1]],
    [0, [0.3, 0.6, 0.1]],
    [1, [0.9, 0.05, 0.05]],
    [1, [0.2, 0.1, 0.7]],
  ] as const;
  answers.forEach(([label, probabilities], i) => {
    const path = join(folder, classes[label]!, `00${i % 2}.png`);
    mistakes.add({ path, label, probabilities });
  });
  expect(mistakes.count).toBe(3);
  expect(mistakes.worst.map(({ index, predicted, confidence }) => [index, predicted, confidence])).toEqual([
    [2, 0, 0.9],
    [3, 2, 0.7],
  ]);
  const path = join(root, 'wrong.png');
  expect(await mistakes.writeSheet(path, classes, { side: 100 })).toBe(2);
  const { width, height } = await sharp(path).metadata();
  expect([width, height]).toEqual([4 + 2 * 104, 4 + 104 + 2 * 15 + 4]);
  // A disc is red, and both mistakes are of discs.
  for (const left of [4, 108]) {
    const cell = sharp(path).extract({ left, top: 4, width: 100, height: 100 });
    const { data } = await cell.raw().toBuffer({ resolveWithObject: true });
    const red = Array.from({ length: data.length / 3 }, (_, i) => data[3 * i]! > data[3 * i + 2]! + 60);
    expect(red.filter(Boolean).length).toBeGreaterThan(500);
  }
});

test('without mistakes there is no sheet', async () => {
  const mistakes = new Mistakes();
  mistakes.add({ path: 'a.png', label: 0, probabilities: [1, 0, 0] });
  const path = join(root, 'none.png');
  expect(await mistakes.writeSheet(path, classes)).toBe(0);
  expect(existsSync(path)).toBe(false);
});
