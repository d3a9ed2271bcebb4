/*
 * The layers that an inner loop moves: MAML, ANIL and BOIL on Omniglot, 5-way 1-shot, on the same budget of meta-steps
 * and over seeds; MAML with five inner steps; and the start that comes with Graft, MAML trained for 4,000 steps on five
 * images of each class. Of each the accuracy after 0 to 10 inner steps, and by layer how much the parameters change in the inner loop that it was
 * trained with, and how similar the layer's output on the queries stays (linear CKA); of MAML also the accuracy where the
 * inner loop of the test moves its head or its body alone.
 *   npm run build && node dist/bench/layer-change.js FOLDER [--meta-steps 400] [--seeds 3] [--episodes 600] [--threads 1]
 * FOLDER is ../shared/data/omniglot. The results in bench/results/layer-change.json grow run by run.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import type { MetaConfigInput } from '@graft-ml/core/internal/recipe/meta/index';
import { openLearner } from 'graft-ml/internal/meta/open-learner';
import { openSets } from 'graft-ml/internal/meta/prepare-meta';
import { testMeta } from 'graft-ml/internal/meta/test-meta';
import { trainMeta } from 'graft-ml/internal/meta/train-meta';
import { drawLayerChange } from './charts.ts';
import { accuracyOfParts, type LayerChange, layersOf } from './inner-layers.ts';
import { Results } from './study.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'meta-steps': { type: 'string', default: '400' },
    seeds: { type: 'string', default: '3' },
    episodes: { type: 'string', default: '600' },
    threads: { type: 'string', default: '1' },
  },
});
const [folder] = positionals;
if (!folder) throw new Error('usage: node dist/bench/layer-change.js FOLDER');
const [metaSteps, episodes] = [Number(values['meta-steps']), Number(values.episodes)];
const threads = Number(values.threads);
const ways: Readonly<Record<string, MetaConfigInput>> = {
  maml: { learner: 'maml' },
  anil: { learner: 'anil' },
  boil: { learner: 'boil' },
};
/** Takes five times as long: one seed, and not in the charts. */
const longer: Readonly<Record<string, MetaConfigInput>> = { 'maml, 5 inner steps': { learner: 'maml', innerSteps: 5 } };
const assets = join(dirname(createRequire(import.meta.url).resolve('graft-ml/package.json')), 'assets');
const seeds = Array.from({ length: Number(values.seeds) }, (_, seed) => seed);

async function trained(way: MetaConfigInput, seed: number): Promise<LayerChange> {
  const scratch = mkdtempSync(join(tmpdir(), 'graft-layers-'));
  try {
    const out = join(scratch, 'run');
    const config: MetaConfigInput = {
      ...way,
      ...{ model: 'conv4_stride', way: 5, shots: 1, queries: 5, metaSteps, metaBatch: 8, validateEvery: metaSteps / 4 },
      ...{ split: { classes: { train: 1200, test: 423 } }, seed, threads },
      rotations: 'train',
    };
    for await (const _ of trainMeta(folder!, config, { out }));
    return await measured(out);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function measured(run: string): Promise<LayerChange> {
  const opened = await openLearner(run);
  const { config, preprocessing } = opened;
  const { perStep } = await testMeta(run, { folder, split: config.split, episodes, steps: 10, threads });
  const { test } = await openSets(folder!, config, preprocessing, {});
  const tasks = Array.from({ length: episodes }, (_, i) => test.draw(config, [config.seed, 'layers', i]));
  return {
    perStep: perStep.map(({ accuracy: { mean, margin } }) => ({ accuracy: mean, margin })),
    layers: await layersOf(opened, tasks.slice(0, 200)),
    parts: config.learner === 'maml' ? await accuracyOfParts(opened, tasks) : null,
  };
}

const study = new Results<LayerChange>('layer-change');
const keyOf = (learner: string, seed: number) => `${learner}, 5-way 1-shot, ${metaSteps} steps of 8, seed ${seed}`;
const start = 'maml, 5-way 5-shot, 4000 steps of 16, the start that comes with Graft';
report(start, await study.keep(start, () => measured(join(assets, 'starts', 'omniglot'))));
for (const seed of seeds) {
  for (const [name, way] of Object.entries(seed === 0 ? { ...ways, ...longer } : ways)) {
    const key = keyOf(name, seed);
    report(key, await study.keep(key, () => trained(way, seed)));
  }
}
await drawLayerChange(
  Object.fromEntries(
    Object.keys(ways).map((name) => [name, seeds.map((seed) => study.get(keyOf(name, seed))!)] as const),
  ),
);

function report(key: string, { perStep, layers, parts }: LayerChange): void {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  console.log(`${key}: ${perStep.map(({ accuracy }) => percent(accuracy)).join(' ')}`);
  for (const { name, change, similarity } of layers)
    console.log(`  ${name}: parameters changed by ${percent(change)}, output similar by ${similarity.toFixed(3)}`);
  if (!parts) return;
  const { all, head, body } = parts;
  console.log(`  the test moves all: ${percent(all)}, the head: ${percent(head)}, the body: ${percent(body)}`);
}
