/*
 * The site before it is built: its pages are all of docs/, the sidebar has them, and no link leads nowhere.
 * test/browser/site.test.ts builds it.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { checkBuilt } from '../site/check-built.ts';
import { deadLinks, docsSidebars, followLink, homeOf, readGroups } from '../site/pages.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'graft-site-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('every link, image and anchor of the documentation leads somewhere', () => {
  expect(deadLinks(root)).toEqual([]);
});

test('every page of docs/ has one place in the sidebar', () => {
  const files = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' });
  const pages = files.filter((name) => name.endsWith('.md') && !name.startsWith('api')).map((name) => `docs/${name}`);
  const groups = readGroups(root);
  const sources = groups.flatMap(({ pages }) => pages.map(({ source }) => source));
  expect(new Set(sources).size).toBe(sources.length);
  expect(pages.filter((page) => !sources.includes(page))).toEqual([]);
  const sidebars = Object.entries(docsSidebars(groups));
  const links = new Set(
    sidebars.flatMap(([, items]) => items.flatMap((item) => item.items?.map(({ link }) => link) ?? [])),
  );
  expect(links.size).toBe(sources.length);
  for (const [, items] of sidebars) expect(items.map(({ text }) => text)).toEqual(groups.map(({ title }) => title));
  expect(links).toContain('/cookbook/28-compare-optimizers');
});

test.each([
  ['docs/cookbook/README.md', '01-install.md', { kind: 'page', route: 'cookbook/01-install.md', anchor: '' }],
  ['docs/zoo.md', '../bench/README.md#strategies', { kind: 'page', route: 'benchmarks.md', anchor: 'strategies' }],
  ['docs/zoo.md', '../README.md', { kind: 'page', route: 'index.md', anchor: '' }],
  ['README.md', 'docs/api', { kind: 'page', route: 'api/index.md', anchor: '' }],
  ['README.md', 'examples/maml-by-hand.ts', { kind: 'page', route: 'examples/maml-by-hand.md', anchor: '' }],
  ['bench/README.md', 'results/zoo.json', { kind: 'file', file: 'bench/results/zoo.json' }],
  ['README.md', 'https://nodejs.org/', { kind: 'elsewhere' }],
  ['README.md', 'docs/never.md', { kind: 'missing' }],
  ['README.md', '../outside.md', { kind: 'missing' }],
] as const)('in %s, %s leads to its page or file', (source, link, target) => {
  const pages = [homeOf(root), ...readGroups(root).flatMap((group) => group.pages)];
  expect(followLink(root, pages, source, link)).toEqual(target);
});

test('a dead link, a dead anchor and a missing image are found', () => {
  const repository = join(folder, 'repository');
  for (const name of ['docs/guide', 'docs/cookbook', 'examples', 'bench', 'packages/graft-ml/assets']) {
    mkdirSync(join(repository, name), { recursive: true });
  }
  const project = ['architecture', 'performance', 'scale', 'sizes', 'dependencies'];
  const others = project.map((name) => `docs/${name}.md`);
  const around = [
    'bench/README.md',
    'packages/graft-ml/assets/README.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    'CHANGELOG.md',
  ];
  for (const name of [...others, ...around]) writeFileSync(join(repository, name), '# A page\n');
  writeFileSync(join(repository, 'README.md'), '# Home\n\n[1](docs/guide/README.md#b-c) [2](docs/guide/README.md#d)\n');
  writeFileSync(
    join(repository, 'docs/guide/README.md'),
    '# A\n\n## B, `c`!\n\n![x](x.webp)\n\n`[code](no.md)`\n\n[y](y.md)\n',
  );
  expect(deadLinks(repository)).toEqual([
    'README.md: docs/guide/README.md#d: no such heading there',
    'docs/guide/README.md: x.webp is not in the repository',
    'docs/guide/README.md: y.md is not in the repository',
  ]);
});

test('of the built pages, dead links and anchors and whatever another host would send are errors', () => {
  const built = join(folder, 'built');
  mkdirSync(join(built, 'guide'), { recursive: true });
  const page = (body: string) => `<html><head><link href="/style.css"></head><body>${body}</body></html>`;
  writeFileSync(join(built, 'style.css'), '');
  writeFileSync(join(built, 'guide', 'index.html'), page('<h2 id="here">Here</h2><a href="../index.html">Home</a>'));
  const good = '<a href="/guide/#here">x</a><a href="https://nodejs.org">y</a><img src="data:image/png;base64,">';
  writeFileSync(join(built, 'index.html'), page(good));
  expect(() => checkBuilt(built)).not.toThrow();
  const bad = [
    '<a href="/guide/#gone">',
    '<a href="no.html">',
    '<img src="/no.webp">',
    '<script src="https://cdn.test/x.js">',
  ];
  writeFileSync(join(built, 'index.html'), page(bad.join('')));
  expect(() => checkBuilt(built)).toThrow(
    /^4 .*\n.*no such heading.*\n.*no such file.*\n.*no such file.*\n.*loaded from another host/,
  );
});
