import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { graft } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';

ownCache();
const root = temporaryFolder();

beforeAll(async () => {
  await drawImages(join(root, 'shapes'), { perClass: 8, side: 16 });
});

test('train --profile, and the same table again', async () => {
  const how = [
    '--model',
    'conv4_32',
    '--epochs',
    '1',
    '--batch-size',
    '4',
    '--threads',
    '1',
    '--no-report',
    '--out',
    'run',
  ];
  const trained = await graft(['train', 'shapes', ...how, '--profile', '--profile-steps', '1', '--json'], root);
  expect(trained.stderr).toContain('The profile is in run: profile.json (graft profile run), and trace.json');
  const { profile } = JSON.parse(trained.stdout);
  expect(profile.stages.at(-1)).toMatchObject({ steps: 1, epoch: 1, step: 3 });
  const again = await graft(['profile', 'run', '--json'], root);
  expect(JSON.parse(again.stdout)).toEqual(profile);
  const shown = await graft(['profile', 'run', '--rows', '100'], root);
  expect(shown.stdout).toMatch(
    /^measured on cpu .*\n\nstage \w+, 1 step from step 3 of epoch 1 on\n {2}[\d.,]+ ms a step/,
  );
  expect(shown.stdout).toMatch(/ {2}Conv2dWeightGrad$/m);
});

test('what trains elsewhere, or several runs, is not profiled', async () => {
  const { status, stderr } = await graft(['train', 'shapes', '--folds', '3', '--profile'], root);
  expect([status, stderr]).toEqual([2, 'graft: --profile measures one run in this process: not beside --folds.\n']);
});
