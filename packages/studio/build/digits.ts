import { createRequire } from 'node:module';
import sharp from 'sharp';
import type { Plugin } from 'vite';

const side = 28;
const perDigit = 40;
const path = 'samples/digits.png';

/** Adds the digits of the sample set to the page: one image, a row for each digit, from the package `mnist`. */
export function digitsPlugin(): Plugin {
  return {
    name: 'graft-digits',
    async generateBundle() {
      this.emitFile({ type: 'asset', fileName: path, source: await digitSheet() });
    },
    configureServer({ middlewares }) {
      middlewares.use(`/${path}`, async (_request, response) => {
        response.setHeader('Content-Type', 'image/png').end(await digitSheet());
      });
    },
  };
}

/** Dark ink on white paper, as characters are written; the package has light ink on black. */
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
