import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from './images.ts';

const script = fileURLToPath(new URL('../dist/scripts/api.js', import.meta.url));
let folder: string;

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

function api(...args: string[]) {
  const { status, stderr } = spawnSync(process.execPath, [script, ...args], { cwd: folder, encoding: 'utf8' });
  return [status, stderr] as const;
}

const exports = { '.': './dist/index.js', './layers': './dist/layers.js', './internal/*': './dist/*.js' };

/** Two packages, the second of which passes on what the first one has. */
beforeEach(() => {
  folder = temporaryFolder();
  write({
    'package.json': JSON.stringify({ workspaces: ['base', 'top'] }),
    'base/package.json': JSON.stringify({ name: '@x/base', exports }),
    'base/dist/index.d.ts': "export { type Size, area } from './size.ts';",
    'base/dist/size.d.ts':
      '/** In pixels. */\nexport interface Size {\n    /** Of an image. */\n    readonly width: number;\n}\nexport declare function area(size: Size): number;',
    'base/dist/layers.d.ts':
      "import type { Size as Extent } from './size.ts';\nexport declare class Layer {\n    #private;\n    private constructor();\n    private hidden;\n    readonly extent: Extent;\n}",
    'top/package.json': JSON.stringify({ name: 'top', exports }),
    'top/dist/index.d.ts': "export { Layer } from './layers.ts';\nexport declare const depth: number;",
    'top/dist/layers.d.ts': "export * from '@x/base/layers';",
  });
});

test('each name is listed in full where it belongs, without comments and what is private', () => {
  expect(api()).toEqual([0, '']);
  const base = readFileSync(join(folder, 'docs', 'api', 'base.md'), 'utf8');
  expect(base).toContain(
    '## @x/base\n\n```ts\nfunction area(size: Size): number;\ninterface Size {\n  readonly width: number;\n}\n```\n',
  );
  expect(base).toContain('## @x/base/layers\n\n```ts\nclass Layer {\n  readonly extent: Extent;\n}\n```\n');
  const top = readFileSync(join(folder, 'docs', 'api', 'top.md'), 'utf8');
  expect(top).toContain('## top\n\nAll of `@x/base/layers`.\n\n```ts\nconst depth: number;\n```\n');
  expect(top).toContain('## top/layers\n\nAll of `@x/base/layers`.\n');
  expect(api('--check')).toEqual([0, '']);
});

test('a change is told line by line, with what to do', () => {
  api();
  write({ 'top/dist/index.d.ts': "export { Layer } from './layers.ts';\nexport declare const depth: string;" });
  const path = join('docs', 'api', 'top.md');
  expect(api('--check')).toEqual([
    1,
    `${path} is out of date. If the public names should change: npm run api\n- const depth: number;\n+ const depth: string;\n`,
  ]);
  api();
  expect(api('--check')).toEqual([0, '']);
});

test('a type that is named and not exported, and one that was inferred, are mistakes', () => {
  write({
    'base/dist/index.d.ts': "export { area } from './size.ts';",
    'top/dist/index.d.ts': 'declare const table: { a: 1 };\nexport type Row = ReturnType<typeof table>;',
  });
  expect(api()).toEqual([
    1,
    [
      '@x/base/layers: Layer names Size; export that, too.',
      '@x/base: area names Size; export that, too.',
      'top: declare the type of Row, which is inferred (ReturnType<typeof table).',
      'top: Row names table; export that, too.\n',
    ].join('\n'),
  ]);
});
