import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { version } from '@graft-ml/core/internal/base/version';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const project = mkdtempSync(join(tmpdir(), 'graft-readme-'));

/** A project that has Graft installed, and a few photos. */
beforeAll(async () => {
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(join(root, 'packages', 'graft-ml'), join(project, 'node_modules', 'graft-ml'));
  const shapes = {
    circle: '<circle cx="16" cy="16" r="10" fill="#c33"/>',
    square: '<rect x="6" y="6" width="20" height="20" fill="#33c"/>',
  };
  for (const [name, shape] of Object.entries(shapes)) {
    mkdirSync(join(project, 'photos', name), { recursive: true });
    for (let i = 0; i < 12; i++) {
      const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${32 + i}" height="36">${shape}</svg>`;
      const file = join(project, 'photos', name, `${String(i).padStart(2, '0')}.png`);
      await sharp(Buffer.from(svg)).flatten({ background: '#fff' }).png().toFile(file);
    }
  }
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

const blocks = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/```ts\n(.*?)```/gs)].map(
  ([, code]) => code!,
);

/** What each block prints, in the README's order. */
const printed = [
  /^1 [\d.]+\n2 [\d.]+\naccuracy .*\nphotos\/circle\/00\.png Float32Array\(2\)/,
  /^1 [\d.]+ [\d.]+\n2 .*\n3 .*\n\{ loss: [\d.]+, accuracy: [\d.]+ \}\n/,
  /graph\(x : f32\[3\]\) \{[\s\S]*second/,
];

test.each(blocks.map((code, i) => [i, code] as const))('block %i of the README runs', (i, code) => {
  const file = join(project, `block-${i}.mjs`);
  writeFileSync(file, code);
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], { cwd: project, encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(stdout).toMatch(printed[i]!);
});

test.each(['core', 'graft-ml'])('the version in the code is that of packages/%s', (name) => {
  const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'));
  expect(manifest.version).toBe(version);
  if (name !== 'core') expect(manifest.dependencies['@graft-ml/core']).toBe(version);
});

test.each([
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'bench/README.md',
  'docs/architecture.md',
  'docs/cookbook/README.md',
  'docs/dependencies.md',
])('every link of %s to a file of the repository leads somewhere', (name) => {
  const links = [...readFileSync(join(root, name), 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)];
  expect(links.map(([, link]) => link!).filter((link) => !existsSync(join(root, dirname(name), link)))).toEqual([]);
});

test('npx graft runs in a clone: npm links only what is there before the build', () => {
  const folder = join(root, 'packages', 'graft-ml');
  const bin: string = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).bin.graft;
  expect(bin).not.toContain('dist');
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, bin), '--version'], {
    encoding: 'utf8',
  });
  expect([status, stdout.trim(), stderr]).toEqual([0, version, '']);
});
