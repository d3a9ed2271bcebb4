/*
 * A greedy soup of fine-tuned runs, and WiSE-FT between their probe and the best of them, on an untouched test part:
 *   npm run build && node dist/bench/soup.js FOLDER --weights FILE [--splits 5] [--image-size 96] [--epochs 4]
 * For each division of the folder in training (60 %), validation (20 %) and test images (20 %) the head is probed, and
 * six runs are fine-tuned from it (three learning rates, with augmentation and without; a seed each). Validation chooses
 * everything, the test part is measured at the end. The results in bench/results/soup.json come from
 * ../shared/data/trashnet_600 with ../shared/weights/squeezenet1_1_imagenet1k.safetensors. What is there already is not
 * run again.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import type { TrainConfigInput } from '@graft-ml/core/internal/recipe/config/index';
import { openDataset } from 'graft-ml/internal/data/dataset';
import { type GreedySoup, greedySoup } from 'graft-ml/internal/study/soup';
import type { MeasuredWeights } from 'graft-ml/internal/study/weights-bench';
import { wiseFt } from 'graft-ml/internal/study/wise-ft';
import { trainFolder } from 'graft-ml/internal/transfer/train-folder';
import { mean, Results } from './study.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    weights: { type: 'string' },
    splits: { type: 'string', default: '5' },
    'image-size': { type: 'string', default: '96' },
    epochs: { type: 'string', default: '4' },
  },
});
const [folder] = positionals;
const { weights } = values;
if (!folder || !weights) throw new Error('usage: node dist/bench/soup.js FOLDER --weights FILE');
const [splits, imageSize, epochs] = [Number(values.splits), Number(values['image-size']), Number(values.epochs)];
const trials = [0.0003, 0.001, 0.003].flatMap((learningRate) =>
  (['none', 'light'] as const).map((augment) => ({ learningRate, augment })),
);

/** What a method came to: on validation, which chose it, and on the test part. */
interface Measured {
  readonly validation: number;
  readonly test: number;
}

interface Outcome {
  readonly images: { readonly validation: number; readonly test: number };
  readonly probe: Measured;
  /** The run that validation chooses. */
  readonly best: Measured;
  readonly soup: Measured & { readonly of: number; readonly offered: number };
  readonly wise: Measured & { readonly alpha: number };
}

/** The images of a division in folders of their own, so that runs of every seed have the same parts. */
async function divided(seed: number, out: string): Promise<string> {
  const dataset = await openDataset(folder!, { seed, validationFraction: 0.25, testFraction: 0.2 });
  for (const [part, images] of Object.entries({
    train: dataset.train,
    val: dataset.validation,
    test: dataset.test,
  })) {
    for (const { path, label } of images) {
      const home = join(out, part, dataset.classes[label]!);
      mkdirSync(home, { recursive: true });
      copyFileSync(path, join(home, basename(path)));
    }
  }
  return out;
}

async function trained(data: string, out: string, config: TrainConfigInput): Promise<string> {
  for await (const _ of trainFolder(data, { model: 'squeezenet1_1', imageSize, ...config }, { out }));
  return out;
}

const of = (validation: MeasuredWeights, test: MeasuredWeights): Measured => ({
  validation: validation.accuracy,
  test: test.accuracy,
});

async function measured(split: number): Promise<Outcome> {
  const scratch = mkdtempSync(join(tmpdir(), 'graft-soup-'));
  const at = (name: string) => join(scratch, name);
  try {
    const data = await divided(split, at('data'));
    const head = { strategy: 'feature-extraction', epochs: 20, seed: split } as const;
    const probe = await trained(data, at('probe'), { ...head, weights: weights! });
    const start = { strategy: 'partial-transfer', transferRatio: 1, weights: join(probe, 'best.safetensors') } as const;
    for (const [i, trial] of trials.entries()) {
      await trained(data, join(at('study'), `trial-${i}`), { ...start, ...trial, epochs, seed: 10 * split + i });
    }
    const soup: GreedySoup = await greedySoup(at('study'), { out: at('soup') });
    const wise = await wiseFt(probe, soup.ingredients[0]!.run, { out: at('wise') });
    const kept = soup.ingredients.filter((one) => one.kept).length;
    return {
      images: { validation: soup.validation.best.images, test: soup.test!.best.images },
      probe: of(wise.curve[0]!, wise.test!.probe),
      best: of(soup.validation.best, soup.test!.best),
      soup: { ...of(soup.validation.soup, soup.test!.soup), of: kept, offered: soup.ingredients.length },
      wise: { ...of(wise.best, wise.test!.best), alpha: wise.best.alpha },
    };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const study = new Results<Outcome>('soup');
const percent = (share: number) => (100 * share).toFixed(1);
for (let split = 0; split < splits; split++) {
  const { probe, best, soup, wise } = await study.keep(`${basename(folder)} ${imageSize} px, split ${split}`, () =>
    measured(split),
  );
  const text = ({ validation, test }: Measured) => `${percent(validation)} / ${percent(test)}`;
  console.log(
    `split ${split}, validation / test: probe ${text(probe)}, best run ${text(best)}, soup of ${soup.of} of ` +
      `${soup.offered} ${text(soup)}, WiSE-FT at α = ${wise.alpha} ${text(wise)}`,
  );
}
const all = Object.values(study.results);
console.log('\n| method | validation | test |\n|---|---|---|');
for (const method of ['probe', 'best', 'soup', 'wise'] as const) {
  const over = (part: 'validation' | 'test') => percent(mean(all.map((one) => one[method][part])));
  console.log(`| ${method} | ${over('validation')} | ${over('test')} |`);
}
