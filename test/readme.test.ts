import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

/** What each block of a page prints, in the page's order. */
const printed = {
  'README.md': [/^1 [\d.]+ [\d.]+\n2 .*\n3 .*\n$/],
  'docs/typescript.md': [
    /^1 [\d.]+\n2 [\d.]+\naccuracy .*\nphotos\/circle\/00\.png Float32Array\(2\)/,
    /^1 [\d.]+ [\d.]+\n2 .*\n3 .*\n\{ loss: [\d.]+, accuracy: [\d.]+ \}\n/,
    /^(circle|square) [\d.]+\n(circle|square)\n(circle|square)\nnot-an-image\n$/,
    /^1\n(.+ [01]\.\d\d\n)*hidden [01]\.\d\d\n[\s\S]*batch,kernels,runtime,transfer,threads,host,outside\n$/,
    /graph\(x : f32\[3\]\) \{[\s\S]*second/,
  ],
};

const programs = Object.entries(printed).flatMap(([page, outputs]) => {
  const blocks = [...readFileSync(join(root, page), 'utf8').matchAll(/```ts\n(.*?)```/gs)];
  if (blocks.length !== outputs.length) throw new Error(`${page} has ${blocks.length} programs.`);
  return blocks.map(([, code], i) => ({ page, number: i + 1, code: code!, output: outputs[i]! }));
});

test.each(programs)('program $number of $page runs', ({ page, number, code, output }) => {
  const file = join(project, `${page.replaceAll('/', '-')}-${number}.mjs`);
  rmSync(join(project, 'runs'), { recursive: true, force: true });
  writeFileSync(file, code);
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], { cwd: project, encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(stdout).toMatch(output);
});

test.each(['core', 'graft-ml'])('the version in the code is that of packages/%s', (name) => {
  const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'));
  expect(manifest.version).toBe(version);
  if (name !== 'core') expect(manifest.dependencies['@graft-ml/core']).toBe(version);
});

const flags: Record<string, { flags: { syntax: string; aliases: string[] }[] }> = JSON.parse(
  readFileSync(join(root, 'packages/graft-ml/dist/cli/commands.json'), 'utf8'),
);
const names = Object.keys(flags).sort((a, b) => b.length - a.length); // meta train before train

test.each(['README.md', ...['start', 'data', 'training', 'weights', 'few-shot'].map((name) => `docs/${name}.md`)])(
  'the commands and flags of %s are those of graft',
  (page) => {
    const text = readFileSync(join(root, page), 'utf8');
    const lines = [...text.matchAll(/^npx graft .*$/gm), ...text.matchAll(/(?<=`)graft [^`]*(?=`)/g)].map(
      ([line]) => line,
    );
    for (const line of lines) {
      const words = line.replace(/ #.*/, '').replace(/^(npx )?graft /, '');
      const name = names.find((each) => words === each || words.startsWith(`${each} `));
      const known = flags[name ?? '']?.flags.map(({ syntax }) => syntax.split(/[ ,]/)[0]);
      expect(known, line).toEqual(expect.arrayContaining(words.match(/(?<= )--[a-z-]+/g) ?? []));
    }
    const all = Object.values(flags).flatMap((each) => each.flags.map(({ syntax }) => syntax.split(/[ ,]/)[0]));
    expect(all).toEqual(expect.arrayContaining(text.match(/(?<=`)--[a-z-]+/g) ?? []));
  },
);

test('npx graft runs in a clone: npm links only what is there before the build', () => {
  const folder = join(root, 'packages', 'graft-ml');
  const bin: string = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).bin.graft;
  expect(bin).not.toContain('dist');
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, bin), '--version'], {
    encoding: 'utf8',
  });
  expect([status, stdout.trim(), stderr]).toEqual([0, version, '']);
});
