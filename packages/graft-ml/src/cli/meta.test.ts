import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { graft } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { serveModels } from '../serve/index.ts';
import { prediction } from '../serve/schemas.ts';

ownCache();
const root = temporaryFolder();
const tiny = [
  ...['--model', 'conv4_32', '--image-size', '16', '--way', '2', '--shots', '2', '--queries', '2', '--meta-batch', '2'],
  ...['--meta-steps', '2', '--episodes', '2', '--split', '3/1/1', '--rotations', 'all', '--threads', '1'],
];

beforeAll(async () => {
  const classes = ['disc', 'square', 'cross', 'ring', 'bar'] as const;
  await drawImages(join(root, 'shapes'), { classes, perClass: 4, side: 16 });
  await drawImages(join(root, 'few'), { classes: ['cross', 'ring'], perClass: 3, side: 16, first: 50 });
});

test('train, test, adapt, predict', async () => {
  const trained = await graft(['meta', 'train', 'shapes', ...tiny, '--out', 'run', '--json'], root);
  expect(trained.status).toBe(0);
  expect(JSON.parse(trained.stdout)).toMatchObject({ out: 'run', status: 'done', best: { epoch: 1 } });
  for (const line of [
    'learner    maml, second order: second-order MAML (Finn et al. 2017)',
    'inner loop 1 step (10 in tests) of 0.4 by sgd, adapts everything: layer1, layer2, layer3, layer4, fc',
    'batch norm the batch’s own statistics (transductive: queries help each other)',
    'episodes   2-way, 2-shot, 2 queries of each class; 2 to validate',
    'training   2 meta-steps of 2 episodes, 1 validation, adam at 0.001 (cosine), seed 0',
  ]) {
    expect(trained.stderr).toContain(line);
  }

  const tested = await graft(['meta', 'test', 'run', '--episodes', '3', '--threads', '1'], root);
  expect(tested.stdout).toContain(
    'maml on conv4_32, 2-way 2-shot, 2 queries of each class, 3 episodes of the test classes',
  );
  expect(tested.stdout).toMatch(
    /accuracy \d+\.\d\d ± \d+\.\d\d % {2}\(95 % interval of the mean; queries normalised together/,
  );
  expect(tested.stdout).toMatch(/^ {9}10 {2}/m);

  const adapted = await graft(['meta', 'adapt', 'run', 'few'], root);
  expect(adapted.stdout).toBe('maml learned 2 classes from 6 images in 10 inner steps. The run is in run-adapted\n');
  const image = join('few', 'ring', readdirSync(join(root, 'few', 'ring'))[0]!);
  const predicted = await graft(['predict', 'run-adapted', image, '--json'], root);
  expect(JSON.parse(predicted.stdout)[0].classes).toHaveLength(2);

  const models = [{ name: 'few', path: join(root, 'run-adapted') }];
  await using server = await serveModels({ models, port: 0, workers: 1, threads: 1, decoders: 1 });
  const body = Uint8Array.from(readFileSync(join(root, image)));
  const headers = { 'content-type': 'image/png' };
  const ask = () => fetch(new URL('predict', server.address), { method: 'POST', body, headers });
  // At once, so that some are in one batch.
  for (const answer of await Promise.all([ask(), ask(), ask()])) {
    const { classes } = prediction.parse(await answer.json());
    const found = Object.fromEntries(classes.map(({ name, probability }) => [name, probability]));
    const { classes: expected } = prediction.pick({ classes: true }).parse(JSON.parse(predicted.stdout)[0]);
    expect(found).toEqual(
      Object.fromEntries(expected.map(({ name, probability }) => [name, expect.closeTo(probability, 4)])),
    );
  }
  const refused = await graft(['predict', 'run', image], root);
  expect([refused.status, refused.stderr]).toEqual([
    1,
    'graft: run is a run of meta-learning, which knows no classes of its own. Adapt it first, with a few images of each class: `graft meta adapt run <folder>`.\n',
  ]);
});

test('several learners on the same episodes make one table; what is done is not done again', async () => {
  const args = ['meta', 'compare', 'shapes', ...tiny, '--out', 'cmp', '--test-episodes', '3'];
  const learners = ['--learners', 'anil,protonet,nearest-centroid', '--inner-rate', '0.2'];
  const { status, stdout, stderr } = await graft([...args, ...learners], root);
  expect([status, stderr.includes('protonet: 2 of 3')]).toEqual([0, true]);
  expect(stdout).toMatch(/^anil +conv4_32 +\S+ {2}\d/m);
  expect(readdirSync(join(root, 'cmp')).sort()).toEqual([
    ...['anil', 'compare.json', 'compare.md', 'compare.svg', 'nearest-centroid', 'protonet', 'report.html'],
  ]);
  const { rows } = JSON.parse(readFileSync(join(root, 'cmp', 'compare.json'), 'utf8'));
  expect(rows.map(({ perStep }: { perStep: unknown[] }) => perStep.length)).toEqual([11, 1, 1]);
  const again = await graft(['meta', 'compare', '--resume', 'cmp', '--json'], root);
  expect(again.stderr).not.toContain('meta-training');
  expect(JSON.parse(again.stdout).rows).toEqual(rows);
});

describe('used wrongly: exit 2 and what to do', () => {
  test.each([
    [['meta', 'train'], 'meta train: which folder? `graft meta train <folder>`, or --resume <run>.'],
    [['meta', 'train', 'x', '--resume', 'r'], 'meta train: --resume knows its folder; leave it out.'],
    [['meta', 'train', 'x', 'epochs=3'], '"epochs" is no option.'],
    [['meta', 'train', 'x', '--learner', 'bol'], '--learner "bol" is not known. Did you mean "boil"?'],
    [['meta', 'compare', 'x', '--learners', 'maml,anli'], '--learners "anli" is not known. Did you mean "anil"?'],
    [
      ['meta', 'compare', 'x', '--learners', 'maml'],
      'meta compare: there is nothing to compare: name two learners or more.',
    ],
    [
      ['meta', 'compare', 'x', '--learners', 'protonet,nearest-centroid', '--inner-rate', '1'],
      'meta compare: innerRate means nothing to protonet,nearest-centroid. Leave it out.',
    ],
  ])('%j', async (args, message) => {
    const { status, stdout, stderr } = await graft(args, root);
    expect([stdout, stderr.includes(message)]).toEqual(['', true]);
    expect(status).toBe(message.includes('nothing to compare') ? 1 : 2);
  });
});
