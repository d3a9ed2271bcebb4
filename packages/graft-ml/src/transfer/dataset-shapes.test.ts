import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { zipOf } from '../../../../test/archives.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun, metricsOf, runFolder } from '../../../../test/runs.ts';
import { readRun } from '../runs/read-run.ts';

ownCache();
const home = temporaryFolder();

test('a run on a table, or on an archive, is the run on the folder, also when it is resumed', async () => {
  const folder = await drawImages(join(home, 'shapes'), { perClass: 8 });
  const names = ['cross', 'disc', 'square'].flatMap((look) =>
    Array.from({ length: 8 }, (_, i) => `${look}/00${i}.png`),
  );
  const table = join(folder, 'table.csv');
  writeFileSync(table, `what,file\n${names.map((name) => `${name.split('/')[0]},${name}`).join('\n')}\n`);
  const archive = join(home, 'shapes.zip');
  writeFileSync(
    archive,
    zipOf(names.map((name) => ({ name, bytes: readFileSync(join(folder, name)), deflate: true }))),
  );

  const config = { epochs: 2, augment: 'light' } as const;
  await runFolder(folder, join(home, 'whole'), config);
  for (const [path, out, more] of [
    [table, join(home, 'of-table'), { labelColumn: 'what' }],
    [archive, join(home, 'of-archive'), {}],
  ] as const) {
    await runFolder(path, out, { ...config, ...more, stopAfter: 3 });
    await runFolder(path, out);
    const { status, dataset } = await readRun(out);
    expect(status).toBe('done');
    expect(dataset.fingerprint).toBe((await readRun(join(home, 'whole'))).dataset.fingerprint);
    expect(metricsOf(out)).toEqual(metricsOf(join(home, 'whole')));
    expectSameRun(out, join(home, 'whole'));
  }
});
