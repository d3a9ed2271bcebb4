/*
 * Writes docs/sizes.md: what each public entry weighs in a browser. `test/bundle.test.ts` compares with it.
 */
import { writeFileSync } from 'node:fs';
import { type Bundle, bundleEverything, bundleForBrowser, formatRow, gpuBuild } from './bundle.ts';

function table(heading: string, bundles: readonly [string, Bundle][]): string {
  const head = `| ${heading} | minified | gzip | brotli | npm packages in it |\n|---|---:|---:|---:|---|`;
  return [head, ...bundles.map(([imported, bundle]) => formatRow(imported, bundle))].join('\n');
}

const gpu = await bundleForBrowser('.', `export * from '${gpuBuild}';`);
const bundles = [...(await bundleEverything('.'))];
const refused = bundles.flatMap(([imported, bundle]) => bundle.refused.map((each) => `${imported}: ${each}`));
if (refused.length > 0) {
  console.error(refused.join('\n'));
  process.exitCode = 1;
} else {
  const isPick = ([imported]: [string, Bundle]) => imported.startsWith('export');
  const text = [
    '# Sizes in a browser',
    'Bytes of a bundle by rolldown, minified, and of its compressions (`gzip -9`, brotli 11). Made by `npm run sizes`; a test fails when ' +
      'one of them grows by more than 5 %, or an npm package is added to one, without this file being made anew.',
    '## Public entries',
    'All of an entry. `@graft-ml/web` holds onnxruntime-web’s script (72 KB of it); its WebAssembly is a file beside it, of ' +
      "14.2 MB (3.7 MB as gzip, 2.3 MB as brotli). With `device: 'webgpu'` a page loads another script in its place, of " +
      `${gpu.minified.toLocaleString('en')} bytes (${gpu.gzip.toLocaleString('en')} as gzip, ${gpu.brotli.toLocaleString('en')} as brotli), and ` +
      'WebAssembly of 26.8 MB (6.6 MB as gzip, 3.9 MB as brotli); the table has the first.',
    table(
      'entry',
      bundles.filter((each) => !isPick(each)),
    ),
    '## Single things',
    'What is left of the rest when one thing is imported. An op brings the operations of its file and those of its derivative.',
    table('import', bundles.filter(isPick)),
  ];
  writeFileSync('docs/sizes.md', `${text.join('\n\n')}\n`);
}
