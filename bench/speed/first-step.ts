/*
 * Ends after the first step of a run of full fine-tuning by the command `graft train`, in the process of the command:
 *   node dist/bench/speed/first-step.js IMAGES WEIGHTS THREADS
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageFile } from 'graft-ml/internal/files/package-file';

const [images, weights, threads] = process.argv.slice(2);
const out = mkdtempSync(join(tmpdir(), 'graft-first-step-'));
const options = ['--weights', weights!, '--strategy', 'full', '--threads', threads!, '--out', out, '--overwrite'];
process.argv.splice(2, 3, 'train', images!, ...options);
const write = process.stderr.write.bind(process.stderr);
process.stderr.write = (text: string | Uint8Array) => {
  // The bar of the steps is first drawn after the first of them.
  if (String(text).includes('training (')) {
    rmSync(out, { recursive: true });
    process.exit(); // without waiting for what is read ahead
  }
  return write(text);
};
await import(pathToFileURL(packageFile('bin', 'graft.js')).href);
