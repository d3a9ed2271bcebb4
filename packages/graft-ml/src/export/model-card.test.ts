import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { runFolder } from '../../../../test/runs.ts';
import { calibrateRun } from '../evaluate/calibrate-run.ts';
import { evaluateFolder } from '../evaluate/evaluate-folder.ts';
import { readRun } from '../runs/read-run.ts';
import { modelCard } from './model-card.ts';

ownCache();
const root = temporaryFolder();
const run = join(root, 'secret-project', 'run');
const shapes = join(root, 'secret-images');

beforeAll(async () => {
  await drawImages(shapes, { perClass: 20 });
  await runFolder(shapes, run, { epochs: 1, testFraction: 0.2 });
});

test('holds the numbers of an evaluation, test part first, and no path', async () => {
  const card = await modelCard(run, { repo: 'acme/shapes', licence: 'MIT', dataset: 'acme/shape-images' });
  const [tested, validated] = await Promise.all(
    (['test', 'validation'] as const).map((part) => evaluateFolder(run, shapes, { part })),
  );
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const sentences = [tested!, validated!].map(
    ({ accuracy, images, interval: [low, high] }, i) =>
      `**${percent(accuracy)}** of ${images} ${['test', 'validation'][i]} images are classified correctly ` +
      `(95 % interval ${percent(low)} to ${percent(high)})`,
  );
  const places = sentences.map((sentence) => card.indexOf(sentence));
  expect(places[0]).toBeGreaterThan(0);
  expect(places[1]).toBeGreaterThan(places[0]!);
  expect(card).toContain(`value: ${Number(tested!.accuracy.toFixed(6))}`);
  expect(card).toContain('license: mit\n');
  expect(card).toContain('datasets:\n- acme/shape-images\n');
  expect(card).toContain('| weights | `none: trained from scratch` |');
  expect(card).toContain("pipeline('image-classification', 'acme/shapes'");
  for (const secret of [root, 'secret', process.env.HOME!]) expect(card).not.toContain(secret);
});

test('says what the run recorded where its images are gone, and hears why', async () => {
  const moved = `${shapes}-moved`;
  renameSync(shapes, moved);
  const notes: string[] = [];
  const card = await modelCard(run, { name: 'Shapes', onNote: (note) => notes.push(note) });
  renameSync(moved, shapes);
  const { best, dataset } = await readRun(run);
  const share = `${(100 * best!.accuracy).toFixed(1)} %`;
  expect(card).toContain(`**${share}** of ${dataset.validation} validation images are classified correctly`);
  expect(card).not.toContain('| class |');
  expect(notes).toEqual([expect.stringContaining('Not measured, so that the card says what the run recorded: ')]);
  expect(card).toBe(await modelCard(run, { name: 'Shapes', evaluate: false }));
});

test('published weights are its base, with their licence; a file of one’s own is not named', async () => {
  const file = join(run, 'run.json');
  const written = readFileSync(file, 'utf8');
  const began = (model: string, weights: string | null) => {
    const { config, checksum: _, ...others } = JSON.parse(written);
    const sha256 = 'ab'.repeat(32);
    writeFileSync(file, JSON.stringify({ ...others, weightsSha256: sha256, config: { ...config, model, weights } }));
    return modelCard(run, { evaluate: false });
  };
  const timm = await began('timm/resnet18.a1_in1k', null);
  expect(timm).toContain('license: apache-2.0\n');
  expect(timm).toContain('base_model: timm/resnet18.a1_in1k\nbase_model_relation: finetune\n');
  const torchvision = await began('resnet18', 'imagenet1k_v1');
  expect(torchvision).toContain('license: bsd-3-clause\n');
  expect(torchvision).not.toContain('base_model:');
  expect(torchvision).toContain('fine-tuned from `torchvision/resnet18.imagenet1k_v1`');
  const own = await began('resnet18', '/home/someone/secret.safetensors');
  expect(own).not.toMatch(/secret|^license:/m);
  expect(own).toContain('SHA-256 abababababababab');
  expect(await began('/home/someone/secret.onnx', null)).not.toMatch(/secret|someone/);
  writeFileSync(file, written);
});

test('an adapted run has none of the options of a training', async () => {
  const file = join(run, 'run.json');
  const written = readFileSync(file, 'utf8');
  const { checksum: _, ...record } = JSON.parse(written);
  writeFileSync(file, JSON.stringify({ ...record, adaptedFrom: '/home/someone/secret' }));
  const card = await modelCard(run, { evaluate: false });
  writeFileSync(file, written);
  expect(card).toContain('| method | `a meta-learned run, adapted to these images` |');
  expect(card).not.toMatch(/secret|\| epochs \||\| strategy \|/);
});

test('a calibration stands in it', async () => {
  await calibrateRun(run);
  expect(await modelCard(run, { evaluate: false })).toMatch(
    /A temperature of \d\.\d+ was fitted to \d+ validation images/,
  );
});

test.each([
  [{ repo: 'flowers' }, 'repo: expected a repository of the hub'],
  [{ repo: 'acme/flowers\nlicense: mit' }, 'repo: expected'],
  [{ repo: "acme/x'); evil('" }, 'repo: expected'],
  [{ repo: '../x' }, 'repo: expected'],
  [{ dataset: 'acme' }, 'dataset: expected'],
  [{ licence: 'mit\nx: y' }, 'licence: expected'],
])('%j is refused', async (options, message) => {
  await expect(modelCard(run, options)).rejects.toThrow(message);
});
