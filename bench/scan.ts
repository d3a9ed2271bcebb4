/*
 * How long a large dataset takes until training can begin: files are listed, read, hashed and checked. Three datasets
 * of made-up images:
 *   photos  20,000 JPEGs of 256 px in 200 classes
 *   table   100,000 rows of a CSV, of which four fifths are missing, empty, text or cut short
 *   small   100,000 PNGs of 32 px in 100 classes
 *   npm run build && node dist/bench/scan.js [--scale 1] [--keep FOLDER]
 * Each is opened in a process of its own, as `graft train` opens it (pixels are decoded later) and as the library does
 * by default.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { fingerprint, openDataset } from 'graft-ml/internal/data/dataset';
import sharp from 'sharp';

const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: '1' },
    keep: { type: 'string' },
    open: { type: 'string' },
    decode: { type: 'string', default: 'later' },
  },
});

/** A noisy gradient, so that a file has about the size of a photo's. */
async function image(side: number, format: 'jpeg' | 'png', index: number): Promise<Buffer> {
  const stream = randomStream(0, 'scan', side, index);
  const [slope, noise] = [1 + (index % 7), stream.integer(255)];
  const pixels = Uint8Array.from({ length: 3 * side * side }, (_, i) => slope * (i % side) + ((i * noise) & 31));
  const raw = sharp(pixels, { raw: { width: side, height: side, channels: 3 } });
  return format === 'jpeg' ? raw.jpeg({ quality: 85 }).toBuffer() : raw.png({ compressionLevel: 1 }).toBuffer();
}

async function classFolders(root: string, count: number, classes: number, side: number, format: 'jpeg' | 'png') {
  for (let i = 0; i < count; i++) {
    const folder = join(root, String(i % classes).padStart(3, '0'));
    if (i < classes) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${i}.${format}`), await image(side, format, i));
  }
  return root;
}

/**
 * Of ten rows in turn: two good images, two that are missing, an empty file, a text, two images cut in half and two in
 * their header.
 */
async function table(root: string, count: number): Promise<string> {
  mkdirSync(root, { recursive: true });
  const rows = ['path,label'];
  for (let i = 0; i < count; i++) {
    const kind = i % 10;
    rows.push(`${i}.jpg,c${Math.floor(i / 10) % 10}`);
    if (kind === 2 || kind === 3) continue;
    const whole = kind < 4 || kind > 5 ? await image(64, 'jpeg', i) : Buffer.from(kind === 4 ? '' : `text ${i}`);
    writeFileSync(join(root, `${i}.jpg`), kind < 6 ? whole : whole.subarray(0, kind < 8 ? whole.length >> 1 : 300));
  }
  writeFileSync(join(root, 'list.csv'), `${rows.join('\n')}\n`);
  return join(root, 'list.csv');
}

const scale = Number(values.scale);
const datasets: Readonly<Record<string, (root: string) => Promise<string>>> = {
  photos: (root) => classFolders(root, 20_000 * scale, 200, 256, 'jpeg'),
  table: (root) => table(root, 100_000 * scale),
  small: (root) => classFolders(root, 100_000 * scale, 100, 32, 'png'),
};

/** In a process of its own: opens a dataset, and prints what it took. */
async function open(path: string, decode: 'now' | 'later'): Promise<void> {
  const start = performance.now();
  const dataset = await openDataset(path, { decode });
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage();
  const images = dataset.train.length + dataset.validation.length;
  console.log(
    `${seconds.toFixed(1)} s, ${((user + system) / 1e6).toFixed(1)} s of processor time, ` +
      `${Math.round(process.resourceUsage().maxRSS / 1024)} MB; ${images} images, ${dataset.problems.length} problems, ` +
      `fingerprint ${fingerprint(dataset).slice(0, 12)}`,
  );
}

async function main(): Promise<void> {
  const root = values.keep ?? mkdtempSync(join(tmpdir(), 'graft-scan-'));
  try {
    for (const [name, make] of Object.entries(datasets)) {
      const folder = join(root, name);
      const path = existsSync(folder) ? (name === 'table' ? join(folder, 'list.csv') : folder) : await make(folder);
      for (const decode of ['later', 'now']) {
        const cache = mkdtempSync(join(tmpdir(), 'graft-scan-cache-'));
        const printed = execFileSync(
          process.execPath,
          [fileURLToPath(import.meta.url), '--open', path, '--decode', decode],
          { env: { ...process.env, GRAFT_CACHE: cache }, encoding: 'utf8' },
        );
        rmSync(cache, { recursive: true, force: true });
        console.log(`${name}, decoded ${decode}: ${printed.trim()}`);
      }
    }
  } finally {
    if (values.keep === undefined) rmSync(root, { recursive: true, force: true });
  }
}

if (values.open !== undefined) await open(values.open, values.decode === 'now' ? 'now' : 'later');
else await main();
