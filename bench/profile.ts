/*
 * Where a training step of a model of the zoo spends its time, on random images, as `graft train --profile` has it:
 *   npm run build && node dist/bench/profile.js [model] [optimizer] [--steps 5] [--batch 16] [--size 224] [--rows 25] [--threads N] [--out FOLDER]
 */
import { parseArgs } from 'node:util';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { sizeOf, tensor } from '@graft-ml/core/internal/base/tensor';
import { optimizers } from '@graft-ml/core/internal/optim/index';
import { fit, imageModel, Profiler, tensorDataset, writeProfile } from 'graft-ml/fit';
import { profileResult } from 'graft-ml/internal/cli/show/profile';
import { getModel } from 'graft-ml/models';
import type { OptimizerName } from 'graft-ml/optim';
import { createRuntime } from 'graft-ml/runtime';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    steps: { type: 'string', default: '5' },
    batch: { type: 'string', default: '16' },
    size: { type: 'string', default: '224' },
    rows: { type: 'string', default: '25' },
    threads: { type: 'string' },
    out: { type: 'string' },
  },
});
const [name = 'resnet18', optimizer = 'sgd'] = positionals as [string?, OptimizerName?];
const [steps, batchSize, size] = [Number(options.steps), Number(options.batch), Number(options.size)];
const classes = Array.from({ length: 1000 }, (_, i) => `class ${i}`);
const runtime = createRuntime(options.threads ? { threads: Number(options.threads) } : {});
const mean = [0.485, 0.456, 0.406] as const;
const preprocessing = { resize: size, crop: size, mean, std: mean, interpolation: 'bilinear' } as const;
const model = imageModel({ architecture: getModel(name), preprocessing, classes, runtime });

const profiler = new Profiler({ steps });
const warmup = 2;
const data = { train: randomImages((steps + warmup) * batchSize), validation: randomImages(1) };
for await (const event of fit(model, data, { batchSize, epochs: 1, optimizer: optimizers[optimizer](), profiler })) {
  if (event.kind === 'stage') console.error(`${name}, ${optimizer}, batch ${batchSize}, ${size} px: compiled`);
}
console.log(profileResult(profiler.profile, { rows: Number(options.rows), width: 150 }).lines.join('\n'));
if (options.out) await writeProfile(options.out, profiler);

function randomImages(count: number) {
  const shape = [count, 3, size, size];
  const stream = randomStream(0, 'bench');
  const pixels = Uint8Array.from({ length: sizeOf(shape) }, () => stream.integer(256));
  return tensorDataset(
    tensor('u8', shape, pixels),
    Array.from({ length: count }, (_, i) => i % classes.length),
  );
}
