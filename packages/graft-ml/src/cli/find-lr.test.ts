import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { graft } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const small = ['--model', 'conv4', '--batch-size', '8', '--threads', '1'];
const wide = ['--from', '1e-6', '--to', '1e5'];

beforeAll(async () => {
  await drawImages(shapes, { perClass: 12 });
});

test('find-lr draws the curve, suggests three rates, and writes the SVG and nothing else', async () => {
  const svg = join(root, 'curve.svg');
  const { status, stdout, stderr } = await graft(['find-lr', shapes, ...small, ...wide, '--out', svg], root);
  expect([status, stderr.match(/^taking steps \(100\)$/gm)]).toEqual([0, ['taking steps (100)']]);
  expect(stdout).toMatch(/conv4, scratch, adamw\n.*┼.*learning rate\n/s);
  expect(stdout.match(/^(valley|steepest|minimum) +[\d.e-]+ /gm)).toHaveLength(3);
  expect(stdout).toMatch(/conv4, scratch \(all\), adamw\. Try: --learning-rate [\d.e-]+\n$/);
  const drawn = readFileSync(svg, 'utf8');
  for (const text of ['conv4, scratch, adamw', 'learning rate', 'valley', 'steepest', 'minimum']) {
    expect(drawn).toContain(`>${text}</text>`);
  }
  expect(readdirSync(root).sort()).toEqual(['curve.svg', 'shapes']);
});

test('--json has the curve; the same test gives the same numbers', async () => {
  const [first, second] = await Promise.all([1, 2].map(() => graft(['find-lr', shapes, ...small, ...wide, '--json'])));
  const { curve, suggestions, stage, out } = JSON.parse(first!.stdout);
  expect([stage, out]).toEqual(['all', null]);
  expect(curve.rates[0]).toBe(1e-6);
  expect(curve.rates).toHaveLength(curve.losses.length);
  expect(curve.rates).toContain(suggestions.valley);
  expect(curve.rates).toContain(suggestions.steepest);
  expect(second!.stdout).toBe(first!.stdout);
});

test.each([
  [['--from', '1', '--to', '0.1'], 2, '--from 1 is not below --to 0.1'],
  [['--momentum', '0.5'], 2, '--momentum means something only with --optimizer sgd'],
  [['--epochs', '3'], 2, "unknown option '--epochs'"],
] as const)('find-lr %j: exit %d, %s', async (args, expected, message) => {
  const { status, stdout, stderr } = await graft(['find-lr', shapes, ...small, ...args], root);
  expect([status, stdout]).toEqual([expected, '']);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain('    at ');
});

test('an image that cannot be written costs no result', async () => {
  const { status, stdout, stderr } = await graft(['find-lr', shapes, ...small, '--out', 'nowhere/curve.svg'], root);
  expect([status, stdout.includes('valley')]).toEqual([1, true]);
  expect(stderr).toMatch(/Cannot write .*nowhere\/curve\.svg: ENOENT/);
});
