import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { graft } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { testMeta } from '../meta/test-meta.ts';
import { writeMetaReport } from './meta-report.ts';

ownCache();
const root = temporaryFolder();
const tiny = [
  ...['--model', 'conv4_32', '--image-size', '16', '--way', '2', '--shots', '2', '--queries', '2', '--meta-batch', '2'],
  ...['--meta-steps', '2', '--episodes', '2', '--split', '3/1/1', '--rotations', 'all', '--threads', '1'],
];

test.each([
  ['maml', 'Every parameter moves at the inner rate '],
  ['boil', '<li>Not adapted: <code>fc.weight</code> <code>fc.bias</code> </li>'],
])(
  'the inner rates of %s, which learns none, are said once',
  async (learner, text) => {
    const folder = join(root, learner);
    await drawImages(join(folder, 'shapes'), {
      classes: ['disc', 'square', 'cross', 'ring', 'bar'],
      perClass: 4,
      side: 16,
    });
    const args = ['meta', 'train', 'shapes', ...tiny, '--learner', learner, '--out', 'run'];
    const trained = await graft(args, folder);
    expect(trained.status, trained.stderr).toBe(0);
    expect((await graft(['report', 'run', '--episodes', '4'], folder)).status).toBe(0);
    expect(readFileSync(join(folder, 'run', 'report.html'), 'utf8')).toContain(text);
  },
  120_000,
);

test('a run of meta-learning: accuracy by inner step as testMeta has it, and the learned inner rates', async () => {
  const classes = ['disc', 'square', 'cross', 'ring', 'bar'] as const;
  await drawImages(join(root, 'shapes'), { classes, perClass: 4, side: 16 });
  const trained = await graft(
    ['meta', 'train', 'shapes', ...tiny, '--learner', 'meta-sgd', '--test-steps', '2', '--out', 'run'],
    root,
  );
  expect(trained.status, trained.stderr).toBe(0);
  const { status, stdout } = await graft(['report', 'run', '--episodes', '4', '--json'], root);
  expect(status).toBe(0);
  const run = join(root, 'run');
  const { perStep, accuracy } = await testMeta(run, { episodes: 4 });
  expect(JSON.parse(stdout)).toMatchObject({ file: 'run/report.html', test: { accuracy, of: 'test', episodes: 4 } });
  const page = readFileSync(join(run, 'report.html'), 'utf8');
  expect(page).not.toContain('<script');
  const percent = (share: number) => `${(100 * share).toFixed(1)}\u00a0%`;
  expect(perStep).toHaveLength(3);
  for (const { steps, accuracy: after } of perStep) {
    expect(page).toContain(`<th scope="row">${steps}</th><td>${percent(after.mean)} ± ${percent(after.margin)}</td>`);
  }
  // Four episodes: all of them are shown, the first one open, each with its support, and queries that are right or wrong.
  expect(page.match(/<details class="episode"/g)).toHaveLength(4);
  expect(page.match(/<details class="episode" open>/g)).toHaveLength(1);
  expect(page.match(/, to learn from"/g)).toHaveLength(4 * 2 * 2);
  const right = [...page.matchAll(/of 4 episodes: (\d+)\u00a0% of 4 queries right, before adaptation \d+\u00a0%/g)];
  expect(right).toHaveLength(4);
  expect(page.match(/<li class="hit">/g)!.length).toBe(
    right.reduce((sum, [, share]) => sum + (4 * Number(share)) / 100, 0),
  );
  expect(page).toContain('aria-label="Loss of the support"');
  expect(page).toMatch(/after 2 steps/);
  expect(page).toContain('aria-label="Loss by inner step"');
  // Where adaptation changed an answer, both the reader of the page and that of the image's text learn of the earlier one.
  const changed = page.match(/; before: [^"]+"/g) ?? [];
  expect(page.match(/class="quiet was">\([AB], \d+\u00a0%\)</g) ?? []).toHaveLength(changed.length);
  expect(page).toMatch(/<code>layer1[^<]*<\/code><\/th><td>[-\d.e]+<\/td><td>[-\d.e]+ to [-\d.e]+<\/td>/);
  // Episodes and what is drawn of them follow from the seed.
  await writeMetaReport(run, { episodes: 4, out: join(root, 'again.html') });
  const measured = (text: string) => text.slice(0, text.indexOf('<section aria-labelledby="repeat">')).split('\n');
  expect(measured(readFileSync(join(root, 'again.html'), 'utf8'))).toEqual(measured(page));
}, 120_000);

test('a run that came from elsewhere: the message names the flag of graft report', async () => {
  cpSync(join(root, 'run'), join(root, 'copy'), { recursive: true });
  const record = join(root, 'copy', 'run.json');
  const { checksum: _, ...values } = JSON.parse(readFileSync(record, 'utf8'));
  writeFileSync(record, JSON.stringify({ ...values, folder: join(root, 'others') })); // its signature is of another folder
  const refused = await graft(['report', 'copy', '--episodes', '4'], root);
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain('Name one: `graft report copy --data <folder>`.');
}, 60_000);

test('a learner without inner steps has episodes, and no surface', async () => {
  const folder = join(root, 'prototypes');
  await drawImages(join(folder, 'shapes'), {
    classes: ['disc', 'square', 'cross', 'ring', 'bar'],
    perClass: 4,
    side: 16,
  });
  const args = ['meta', 'train', 'shapes', ...tiny, '--learner', 'protonet', '--out', 'run'];
  expect((await graft(args, folder)).status).toBe(0);
  expect((await graft(['report', 'run', '--episodes', '4'], folder)).status).toBe(0);
  const page = readFileSync(join(folder, 'run', 'report.html'), 'utf8');
  expect(page).toContain('protonet takes no inner steps, so that there is no way to draw.');
  expect(page).not.toContain('before adaptation');
  expect(page.match(/<details class="episode"/g)).toHaveLength(4);
}, 120_000);
