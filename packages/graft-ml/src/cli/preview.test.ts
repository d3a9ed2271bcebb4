import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { graft } from '../../../../test/graft.ts';
import { drawImages, temporaryFolder } from '../../../../test/images.ts';

const root = temporaryFolder();
const shapes = await drawImages(join(root, 'shapes'), { perClass: 3 });

test('preview writes a contact sheet, says where and of what, and reports what it left out', async () => {
  writeFileSync(join(shapes, 'disc', '000.jpg'), 'this is a text');
  const out = join(root, 'sheet.png');
  const flags = ['--augment', 'strong', '--images', '4', '--views', '3', '--image-size', '32', '--out', out];
  const { status, stdout, stderr } = await graft(['preview', shapes, ...flags, '--json']);
  expect(status).toBe(0);
  const { width, height } = await sharp(out).metadata();
  expect([width, height]).toEqual([4 + 4 * 36, 4 + 4 * 36]);
  const said = JSON.parse(stdout) as { rows: { className: string }[] };
  expect(said).toMatchObject({ out, augment: 'strong', seed: 0 });
  expect(said.rows.map(({ className }) => className)).toEqual(['cross', 'disc', 'square', 'cross']);
  expect(stderr).not.toContain('    at ');
});

test('preview says where it cannot write', async () => {
  const { status, stderr } = await graft(['preview', shapes, '--out', join(root, 'nowhere', 'x.png')]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/Cannot write .*x\.png: /);
  expect(stderr).not.toContain('    at ');
});

test('preview refuses a sheet that no one could look at', async () => {
  const out = join(root, 'large.png');
  const flags = ['--images', '100', '--views', '100', '--image-size', '1024', '--out', out];
  const { status, stderr } = await graft(['preview', shapes, ...flags]);
  expect([status, existsSync(out)]).toEqual([2, false]);
  expect(stderr).toContain('100 rows of 101 images of 1024 pixels are 10591 megapixels, more than 64');
});
