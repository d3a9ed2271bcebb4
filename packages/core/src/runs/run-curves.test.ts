import { expect, test } from 'vitest';
import { runCurves } from './run-curves.ts';

const store = (files: Readonly<Record<string, string>>) => ({
  names: async () => Object.keys(files),
  read: async (name: string) => Buffer.from(files[name]!),
});

test('the curves of a log: a chart for the loss and one for the accuracy, without lines that cannot be read', async () => {
  const line = (epoch: number, loss: number) =>
    JSON.stringify({
      ...{ stage: 'all', epoch, step: 10 * epoch, loss, accuracy: 1 - loss / 4, isBest: true, learningRate: 1e-3 },
      ...{ training: { loss: loss / 2, accuracy: 1 - loss / 8 }, seconds: 1 },
    });
  const log = `${line(1, 2)}\nno JSON\n{"epoch":2}\n${line(2, 1)}\n`;
  const svg = (await runCurves(store({ 'metrics.jsonl': log })))!;
  for (const text of ['Loss', 'Accuracy', 'training', 'validation', '90 %', 'best, epoch 2']) {
    expect(svg).toContain(`>${text}</text>`);
  }
  expect(svg).toMatch(/width="720" height="600"/);
  expect(svg).not.toContain('NaN');
  expect(await runCurves(store({ 'metrics.jsonl': log }))).toBe(svg);
});

test('no epoch, no curves', async () => {
  expect(await runCurves(store({}))).toBeNull();
  expect(await runCurves(store({ 'metrics.jsonl': '' }))).toBeNull();
});
