import { readdirSync, readFileSync } from 'node:fs';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type Bundle,
  bundleEverything,
  bundleForBrowser,
  formatRow,
  picks,
  publicEntries,
  readRows,
} from '../scripts/bundle.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const recorded = readRows(readFileSync(`${root}/docs/sizes.md`, 'utf8'));
const everything = [...publicEntries(root), ...picks];
let bundles: ReadonlyMap<string, Bundle>;

beforeAll(async () => {
  bundles = await bundleEverything(root);
  console.log([...bundles].map(([imported, bundle]) => formatRow(imported, bundle)).join('\n'));
}, 300_000);

describe.each(everything)('%s, bundled for a browser', (imported) => {
  test('needs nothing of Node', () => {
    expect(bundles.get(imported)!.refused).toEqual([]);
  });

  test('is as docs/sizes.md has it: at most 5 % more, of the same packages (npm run sizes)', () => {
    const { packages, ...now } = bundles.get(imported)!;
    const before = recorded.get(imported);
    expect(before, 'npm run sizes').toBeDefined();
    expect(packages).toEqual(before!.packages);
    for (const size of ['minified', 'gzip', 'brotli'] as const) {
      expect(now[size], size).toBeLessThanOrEqual(1.05 * before![size]);
    }
  });
});

test('no file of theirs, public or not, needs anything of Node', async () => {
  const files = ['core', 'web'].flatMap((name) => {
    const entries = readdirSync(`${root}/packages/${name}/src`, { recursive: true, encoding: 'utf8' });
    const modules = entries.filter((file) => /(?<!\.test|\.d)\.ts$/.test(file));
    return modules.map((file) => `@graft-ml/${name}/internal/${file.slice(0, -3).split(sep).join('/')}`);
  });
  const { refused } = await bundleForBrowser(
    root,
    files.map((file, i) => `export * as m${i} from '${file}';`).join('\n'),
  );
  expect([refused, files.length > 200]).toEqual([[], true]);
});

test('what a site ships with a model has at most 10 KB of ours', async () => {
  const { gzip } = await bundleForBrowser(root, "export * from '@graft-ml/web/predict';", {
    without: [/^onnxruntime-web/, /^@bufbuild/],
    isWhole: false,
  });
  expect(gzip).toBeLessThanOrEqual(10 * 1024);
});

test('what a page loads to train, adapt and export has at most 90 KB of ours; a network of the zoo comes by itself', async () => {
  const { brotli, files } = await bundleForBrowser(
    root,
    "export { adaptMeta, openRun, trainImages } from '@graft-ml/web';",
    {
      without: [/^(onnxruntime|@bufbuild|@noble|fastest-levenshtein|picomatch|zod)/],
      isWhole: false,
    },
  );
  console.log(`train, adapt and export: ${brotli} bytes of ours as brotli`);
  expect(files).toContain('packages/core/dist/models/squeezenet.js');
  expect(brotli).toBeLessThanOrEqual(90 * 1024);
});

test('docs/sizes.md has nothing else', () => {
  expect([...recorded.keys()]).toEqual(everything);
});

describe('tree shaking', () => {
  /** What a pick has of a room of the core. */
  const filesOf = (pick: (typeof picks)[number], room: string) => {
    const folder = `packages/core/dist/${room}/`;
    return bundles.get(pick)!.files.flatMap((file) => (file.startsWith(folder) ? [file.slice(folder.length)] : []));
  };

  test('leaves nothing of what is not used', async () => {
    const unused = publicEntries(root).map((name, i) => `import * as unused${i} from '${name}';`);
    const { files, refused } = await bundleForBrowser(root, unused.join('\n'));
    expect([files, refused]).toEqual([[], []]);
  });

  test('leaves one model of the zoo, one optimizer, and none of the heavy ops', () => {
    expect(filesOf("export { conv4 } from '@graft-ml/core/models';", 'models')).toEqual(['conv4.js']);
    expect(filesOf("export { resnet } from '@graft-ml/core/models';", 'models')).toEqual(['resnet.js']);
    expect(filesOf("export { adamw } from '@graft-ml/core/optim';", 'optim').sort()).toEqual([
      'adam.js',
      'optimizer.js',
    ]);
    const ops = filesOf("export { exp } from '@graft-ml/core/ops';", 'ops');
    expect(ops).toContain('elementwise.js');
    expect(ops.filter((file) => /conv|pool|matmul|gather|reduce/.test(file))).toEqual([]);
    for (const pick of picks)
      expect(filesOf(pick, 'weights').filter((file) => file.startsWith('registry/'))).toEqual([]);
  });
});

test.each([
  ["export { createRuntime } from 'graft-ml/runtime';", /packages\/graft-ml\/dist\/.* imports node:/],
  ["export { default } from 'sharp';", /node_modules\/sharp\/.* imports /],
  ["export { readFile } from 'fs/promises';", /^the entry imports fs\/promises$/],
  ["export { x } from 'not-installed';", /^not-installed is not found$/],
])('what no browser can load is found: %s', async (text, expected) => {
  const { refused } = await bundleForBrowser(root, text);
  expect(
    refused.some((each) => expected.test(each)),
    refused.join('\n'),
  ).toBe(true);
});
