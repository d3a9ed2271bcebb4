/*
 * Ends after the first step of a run of full fine-tuning, as the command `graft train` begins it:
 *   node dist/bench/speed/first-step.js IMAGES WEIGHTS THREADS
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trainFolder } from 'graft-ml/train';

const [images, weights, threads] = process.argv.slice(2);
const out = mkdtempSync(join(tmpdir(), 'graft-first-step-'));
const config = { weights: weights!, strategy: 'full', threads: Number(threads) } as const;
for await (const event of trainFolder(images!, config, { out, overwrite: true })) {
  if (event.kind === 'step') break;
}
rmSync(out, { recursive: true });
process.exit(); // without waiting for what is read ahead
