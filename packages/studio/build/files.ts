import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import type { Plugin } from 'vite';

const side = 28;
const perDigit = 40;
const assets = fileURLToPath(new URL('../../graft-ml/assets/', import.meta.url));
const asset = (name: string) => () => readFile(join(assets, name));

/** Files that the page fetches by these names, besides what it is bundled of. */
const files: Readonly<Record<string, () => Promise<Uint8Array>>> = {
  'samples/digits.png': digitSheet,
  'starts/omniglot/run.json': asset('starts/omniglot/run.json'),
  'starts/omniglot/best.safetensors': asset('starts/omniglot/best.safetensors'),
  'weights/conv4-omniglot.safetensors': asset('conv4-omniglot.safetensors'),
};

/** Adds sample images, the meta-learned start and the pretrained backbone that come with Graft to the page. */
export function filesPlugin(): Plugin {
  return {
    name: 'graft-files',
    async generateBundle() {
      for (const [fileName, read] of Object.entries(files)) {
        this.emitFile({ type: 'asset', fileName, source: await read() });
      }
    },
    configureServer({ middlewares }) {
      for (const [name, read] of Object.entries(files)) {
        middlewares.use(`/${name}`, async (_request, response) => response.end(await read()));
      }
    },
  };
}

/** One image, a row for each digit, from the package `mnist`: dark ink on white paper, as characters are written; the package has light ink on black. */
async function digitSheet(): Promise<Buffer> {
  const require = createRequire(import.meta.url);
  const width = perDigit * side;
  const sheet = new Uint8Array(10 * side * width);
  for (let digit = 0; digit < 10; digit++) {
    const { data } = require(`mnist/src/digits/${digit}.json`) as { readonly data: readonly number[] };
    for (let i = 0; i < perDigit * side * side; i++) {
      const [image, y, x] = [Math.floor(i / side / side), Math.floor(i / side) % side, i % side];
      sheet[(digit * side + y) * width + image * side + x] = Math.round(255 * (1 - data[i]!));
    }
  }
  return sharp(sheet, { raw: { width, height: 10 * side, channels: 1 } })
    .png({ compressionLevel: 9 })
    .toBuffer();
}
