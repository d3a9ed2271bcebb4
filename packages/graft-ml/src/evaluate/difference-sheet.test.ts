import { existsSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { drawImages, temporaryFolder } from '../../../../test/images.ts';
import { Differences } from './difference-sheet.ts';

const root = temporaryFolder();
/** The second run has its classes in another order. */
const classes = { first: ['disc', 'square'], second: ['square', 'disc'] };

const judged = (path: string, label: number, probabilities: readonly [number, number]) => ({
  path,
  label,
  predicted: probabilities[0] >= probabilities[1] ? 0 : 1,
  probabilities: Float32Array.from(probabilities),
});

test('the images that two runs answer most differently are drawn, the largest difference first', async () => {
  const folder = await drawImages(join(root, 'shapes'), { classes: ['disc', 'square'], perClass: 2 });
  const [disc, square, other] = ['disc/000', 'square/000', 'disc/001'].map((name) => join(folder, `${name}.png`));
  const differences = new Differences(2);
  // One that both call a disc; then others, which differ by 0.2, by 0.8 and by 0.5 in the probability of the label.
  differences.add(judged(disc!, 0, [0.9, 0.1]), judged(disc!, 1, [0.2, 0.8]), classes);
  differences.add(judged(other!, 0, [0.6, 0.4]), judged(other!, 1, [0.6, 0.4]), classes);
  differences.add(judged(square!, 1, [0.1, 0.9]), judged(square!, 0, [0.1, 0.9]), classes);
  differences.add(judged(disc!, 0, [0.8, 0.2]), judged(disc!, 1, [0.7, 0.3]), classes);
  const path = join(root, 'differences.png');
  expect(await differences.writeSheet(path, classes, { side: 100 })).toBe(2);
  const { width, height } = await sharp(path).metadata();
  expect([width, height]).toEqual([4 + 2 * 104, 4 + 104 + 3 * 15 + 4]);
  const isMostly = async (left: number, channel: number) => {
    const { data } = await sharp(path)
      .extract({ left, top: 4, width: 100, height: 100 })
      .raw()
      .toBuffer({ resolveWithObject: true });
    return data.filter((_, i) => i % 3 === 0 && data[i + channel]! > 150 && data[i + 2]! < 110).length > 500;
  };
  // The square is green, the disc red.
  expect([await isMostly(4, 1), await isMostly(108, 0)]).toEqual([true, true]);
});

test('where they answer alike there is no sheet', async () => {
  const differences = new Differences();
  differences.add(judged('a.png', 0, [1, 0]), judged('a.png', 1, [0, 1]), classes);
  const path = join(root, 'none.png');
  expect(await differences.writeSheet(path, classes)).toBe(0);
  expect(existsSync(path)).toBe(false);
});
