import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { graft } from '../../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../../test/images.ts';
import { runFolder } from '../../../../../test/runs.ts';
import { readComparison } from '../../experiment/compare.ts';
import { metaWork } from '../../meta/meta-work.ts';
import { openLearner } from '../../meta/open-learner.ts';
import { testMeta } from '../../meta/test-meta.ts';
import { writeStudyReport } from './write-study-report.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const out = join(root, 'compare');
const tiny = [
  ...['--model', 'conv4_32', '--image-size', '16', '--way', '2', '--shots', '2', '--queries', '2', '--meta-batch', '2'],
  ...['--meta-steps', '4', '--validate-every', '2', '--episodes', '2', '--split', '3/1/1', '--rotations', 'all'],
  ...['--threads', '1'],
];
const percent = (share: number) => `${(100 * share).toFixed(1)}\u00a0%`;

beforeAll(async () => {
  await drawImages(shapes, { classes: ['disc', 'square', 'cross', 'ring', 'bar'], perClass: 4, side: 16 });
  const words = ['meta', 'compare', shapes, '--learners', 'anil,protonet', '--test-episodes', '6', ...tiny];
  const { status, stderr } = await graft([...words, '--out', out]);
  expect(status, stderr).toBe(0);
  expect(stderr).toContain(`The report is in ${join(out, 'report.html')}`);
}, 120_000);

test('graft meta compare leaves a report with the results that it recorded', async () => {
  const { rows } = await readComparison(out);
  const page = readFileSync(join(out, 'report.html'), 'utf8');
  for (const { accuracy } of rows)
    expect(page).toContain(`<b>${percent(accuracy.mean)}</b> ± ${percent(accuracy.margin)}`);
  expect(page).not.toContain('<script');
  const written = await writeStudyReport(out, { out: join(root, 'again.html') });
  if (written.kind !== 'meta') throw new Error('no report of meta-learners');
  expect(written.runs.map(({ name, test: { mean } }) => [name, mean])).toEqual(
    rows.map(({ name, accuracy }) => [name, accuracy.mean]),
  );
  const [work] = metaWork(await openLearner(join(out, 'anil')));
  expect(written.runs[0]!.flopsPerStep).toBe(work!.flopsPerStep);
  for (const title of ['Validation accuracy against time', 'Validation accuracy against operations']) {
    expect(page).toContain(`aria-label="${title}"`);
  }
});

test('runs of meta-learning that are named are tested on the same episodes', async () => {
  const paths = ['anil', 'protonet'].map((name) => join(out, name));
  const written = await writeStudyReport(paths, { out: join(root, 'named.html'), episodes: 4 });
  if (written.kind !== 'meta') throw new Error('no report of meta-learners');
  const tests = [await testMeta(paths[0]!, { episodes: 4 }), await testMeta(paths[1]!, { episodes: 4 })];
  expect(written.runs.map((run) => run.test)).toEqual(tests.map(({ accuracy }) => accuracy));
  expect(written.warnings).toEqual([]);
});

test('a run of either kind side by side is refused', async () => {
  const ordinary = join(root, 'ordinary');
  await runFolder(shapes, ordinary, { epochs: 1 });
  const options = { out: join(root, 'mixed.html') };
  await expect(writeStudyReport([join(out, 'anil'), ordinary], options)).rejects.toThrow(/Name runs of one kind/);
  await expect(writeStudyReport([out, ordinary], options)).rejects.toThrow(/a report of its own. Name it alone/);
  expect(existsSync(options.out)).toBe(false);
});
