import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { graft } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { openStudy } from '../study/study.ts';

ownCache();
const root = temporaryFolder();
const small = ['model=conv4', 'epochs=2', 'batchSize=8'];

beforeAll(async () => {
  for (const part of ['train', 'val', 'test']) {
    mkdirSync(join(root, 'shapes', part), { recursive: true });
    const first = part === 'train' ? 0 : part === 'val' ? 12 : 20;
    await drawImages(join(root, 'shapes', part), { perClass: part === 'train' ? 12 : 6, first });
  }
});

test('graft sweep runs a study from a file and flags, tests its best, and goes on with more trials', async () => {
  const lines = ['data: shapes', 'space:', '  lr: 1e-4..1e-1:log', '  optimizer: [sgd, adamw]', '  momentum: 0..0.9'];
  writeFileSync(join(root, 'study.yaml'), `${[...lines, 'sampler: random', 'budget: {trials: 2}'].join('\n')}\n`);
  const first = await graft(['sweep', 'study.yaml', ...small, '--out', 'study', '--json'], root);
  expect([first.status, first.stderr]).toEqual([0, expect.stringMatching(/best so far: learningRate=/)]);
  const result = JSON.parse(first.stdout);
  expect(result).toMatchObject({ status: 'done', test: { count: 18, of: 'images' } });
  expect(result.trials).toHaveLength(2);
  const resumed = await graft(['sweep', '--resume', 'study', '--trials', '3'], root);
  expect([resumed.status, resumed.stderr]).toEqual([0, expect.not.stringContaining('trial 0:')]);
  expect(resumed.stdout).toMatch(
    /resumed after 2 trials.*3 trials: 3 complete.*On 18 test images, by which nothing was/s,
  );
  expect(resumed.stderr).toContain(`The page of the study is in ${join('study', 'study.html')}`);
  expect(readFileSync(join(root, 'study', 'study.html'), 'utf8')).toContain('3 runs');
  const { trials, best } = await openStudy(join(root, 'study'));
  expect(trials.slice(0, 2).map(({ value }) => value)).toEqual(
    result.trials.map(({ value }: { value: number }) => value),
  );
  expect(best!.value).toBe(Math.max(...trials.map(({ value }) => value!)));
});

test.each<[string[], RegExp]>([
  [[], /sweep: which folder/],
  [['shapes', 'lerningRate=1..2'], /--lerning-rate is no option. Did you mean "learningRate"/],
  [['shapes', 'optimizer=sgd,adma'], /--optimizer "adma" is not known. Did you mean "adam"/],
  [['shapes', 'epochs=3'], /space/],
  [['shapes', 'lr=1..2', '--queue', 'redis://x'], /--queue and --store go together/],
  [['--resume', 'x', '--seeds', '3'], /--resume keeps the study's own options; leave out seeds/],
])('graft sweep %j is refused', async (args, message) => {
  const { status, stderr, stdout } = await graft(['sweep', ...args], root);
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(message);
});
