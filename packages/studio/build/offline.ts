import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const folder = fileURLToPath(new URL('./', import.meta.url));
const worker = 'service-worker';

/** WebGPU's build of onnxruntime-web, 27 MB: the studio computes on the processor, and never asks for it. */
const isUnused = (name: string) => /asyncify.*\.wasm$/.test(name);
/** The script of another page, which `graft export --verify --browser` serves. */
const isForeign = (name: string) => name.startsWith('verifier/');

/**
 * Builds the service worker, with the list of all files of the page in it and a version that changes with their content.
 * Forty lines of our own: vite-plugin-pwa does this with workbox-build, which brings 350 packages.
 */
export function offlinePlugin(): Plugin {
  let publicFolder = '';
  return {
    name: 'graft-offline',
    apply: 'build',
    config: () => ({
      build: {
        rolldownOptions: {
          input: { studio: join(folder, '../index.html'), [worker]: join(folder, `${worker}.ts`) },
          output: { entryFileNames: ({ name }) => (name === worker ? '[name].js' : 'assets/[name]-[hash].js') },
        },
      },
    }),
    configResolved({ publicDir }) {
      publicFolder = publicDir;
    },
    generateBundle: {
      order: 'post', // when the page is among them
      handler(_options, bundle) {
        const chunk = bundle[`${worker}.js`];
        if (chunk?.type !== 'chunk') throw new Error('the service worker is not in the bundle');
        for (const name of Object.keys(bundle)) if (isUnused(name)) delete bundle[name];
        const files = new Map<string, string | Uint8Array>();
        for (const file of Object.values(bundle)) {
          if (file !== chunk && !isForeign(file.fileName))
            files.set(file.fileName, file.type === 'chunk' ? file.code : file.source);
        }
        for (const name of readdirSync(publicFolder)) files.set(name, readFileSync(join(publicFolder, name)));
        const hash = createHash('sha256').update(chunk.code);
        const names = [...files.keys()].sort();
        for (const name of names) hash.update(`${name}\0`).update(files.get(name)!);
        const version = hash.digest('hex').slice(0, 16);
        chunk.code = chunk.code
          .replace('__STUDIO_FILES__', JSON.stringify(names))
          .replace('__STUDIO_VERSION__', JSON.stringify(version));
      },
    },
  };
}
