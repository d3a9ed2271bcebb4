/*
 * Shows the whole way with the public commands and nothing else: handwritten digits written out as a folder of images,
 * a classifier grafted onto the small backbone that comes with Graft, the same from scratch, a few predictions, and a
 * classifier from five images of each digit, adapted from the meta-learned start that comes with Graft.
 * No network, about a minute on two cores. Run it with `npm run quickstart`.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

const require = createRequire(import.meta.url);
const package_ = dirname(require.resolve('graft-ml/package.json'));
const graft = fileURLToPath(import.meta.resolve('graft-ml/internal/cli/main'));
const backbone = join(package_, 'assets', 'conv4-omniglot.safetensors');
const folder = 'runs/quickstart';
const digits = join(folder, 'digits');

/** Images of each digit to train on, and others to validate with. The package `mnist` holds about 1,000 of each. */
const perClass = { train: 20, val: 100 };

/** Dark ink on white paper, as the backbone saw its characters; the package has light ink on black. */
async function writeDigits(): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  for (let digit = 0; digit < 10; digit++) {
    const { data } = require(`mnist/src/digits/${digit}.json`) as { data: number[] };
    let next = 0;
    for (const [part, count] of Object.entries(perClass)) {
      const target = join(digits, part, String(digit));
      mkdirSync(target, { recursive: true });
      for (const end = next + count; next < end; next++) {
        const ink = data.slice(next * 784, (next + 1) * 784);
        const grey = Uint8Array.from(ink, (value) => Math.round(255 * (1 - value)));
        const image = sharp(grey, { raw: { width: 28, height: 28, channels: 1 } });
        await image.png().toFile(join(target, `${String(next).padStart(4, '0')}.png`));
      }
    }
  }
}

function run(...args: string[]): void {
  console.log(`\n$ graft ${args.map((arg) => (arg.startsWith(package_) ? relative('.', arg) : arg)).join(' ')}`);
  const { status } = spawnSync(process.execPath, [graft, ...args], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

/** Of a run on the images to validate with. */
function measured(out: string): string {
  const args = ['evaluate', out, digits, '--part', 'validation', '--json'];
  const { stdout, status } = spawnSync(process.execPath, [graft, ...args], { encoding: 'utf8' });
  if (status !== 0) process.exit(status ?? 1);
  const { accuracy } = JSON.parse(stdout) as { accuracy: number };
  return `${(100 * accuracy).toFixed(1)} %`;
}

function bestAccuracy(out: string): string {
  const { best } = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')) as { best: { accuracy: number } };
  return `${(100 * best.accuracy).toFixed(1)} %`;
}

console.log(`Writing 20 + 100 images of each digit to ${digits}`);
await writeDigits();
const budget = ['--model', 'conv4', '--epochs', '12', '--augment', 'crop=0.7'];
const [grafted, scratch, adapted] = [join(folder, 'grafted'), join(folder, 'scratch'), join(folder, 'adapted')];
const gentle = '--strategy full --learning-rate 0.02'.split(' ');
run('train', digits, ...budget, '--weights', backbone, ...gentle, '--out', grafted);
run('train', digits, ...budget, '--strategy', 'scratch', '--learning-rate', '0.003', '--out', scratch);
run('predict', grafted, ...[3, 5, 8].map((digit) => join(digits, 'val', `${digit}`, '0042.png')), '--top', '2');
run('meta', 'adapt', 'omniglot', digits, '--shots', '5', '--out', adapted);

console.log(`
Validation accuracy on 1,000 digits, 20 images of each to learn from, the same budget:
  with the pretrained backbone  ${bestAccuracy(grafted)}
  from scratch                  ${bestAccuracy(scratch)}
5 images of each to learn from, in ten inner steps:
  from the meta-learned start   ${measured(adapted)}
The runs are in ${folder}. Look into one: npx graft inspect ${grafted}`);
