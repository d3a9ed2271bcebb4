import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../../../test/images.ts';
import { parseStudy } from './definition.ts';
import { openStudy } from './study.ts';
import { StudyFile } from './study-file.ts';

const root = temporaryFolder();
const newFolder = () => mkdtempSync(join(root, 'study-'));

const definition = parseStudy({
  data: 'photos',
  space: {
    learningRate: { kind: 'float', low: 1e-4, high: 1e-2, log: true },
    batchSize: { kind: 'int', low: 8, high: 64, step: 8 },
    optimizer: { kind: 'categorical', choices: ['sgd', 'adamw'] },
    head: { kind: 'categorical', choices: [null, [16, 'relu', { dropout: 0.5 }]] },
  },
  options: { epochs: 2 },
  seeds: 2,
});

/** A study of three trials: one complete, one pruned, one under way. */
async function filled(): Promise<string> {
  const folder = newFolder();
  using file = await StudyFile.create(folder, definition);
  const trial = (number: number, learningRate: number, head: unknown) => {
    const runs = [0, 1].map((seed) => ({ name: `trial-000${number}-seed-${seed}`, seed }));
    file.addTrial(number, { learningRate, batchSize: 16, optimizer: 'adamw', head }, runs, definition);
    return runs.map(({ name }) => name);
  };
  const [first, second] = trial(0, 0.001, [16, 'relu', { dropout: 0.5 }]);
  file.addReport(0, first!, 1, { accuracy: 0.5, loss: 1, seconds: 2 }, null);
  file.addReport(0, second!, 1, { accuracy: 0.7, loss: 0.9, seconds: 2 }, 0.6);
  for (const name of [first!, second!])
    file.endRun(name, { trained: 100, best: { accuracy: 0.7, loss: Number.NaN, epoch: 1 } });
  file.endTrial(0, { state: 'complete', value: 0.7, seconds: 1.5 }, 10);
  trial(1, 0.01, null);
  file.endTrial(1, { state: 'failed', value: null, message: 'the loss became infinite', seconds: 0.5 }, 11);
  trial(2, 0.0001, null);
  file.setStatus('interrupted', 12.5);
  return folder;
}

test('a study is read as it was written', async () => {
  const study = await openStudy(await filled());
  expect(study).toMatchObject({ definition, direction: 'maximize', status: 'interrupted', seconds: 12.5, isOwn: true });
  expect(study.trials.map(({ state }) => state)).toEqual(['complete', 'failed', 'running']);
  const [first, failed] = study.trials;
  expect(first!.parameters).toEqual({
    learningRate: 0.001,
    batchSize: 16,
    optimizer: 'adamw',
    head: [16, 'relu', { dropout: 0.5 }],
  });
  expect([...first!.intermediate]).toEqual([[1, 0.6]]);
  expect(first!.runs.map(({ name, seed, trained }) => [name, seed, trained])).toEqual([
    ['trial-0000-seed-0', 0, 100],
    ['trial-0000-seed-1', 1, 100],
  ]);
  expect(first!.runs[0]!.best).toEqual({ accuracy: 0.7, loss: Number.NaN, epoch: 1 });
  expect(failed!.message).toBe('the loss became infinite');
  expect(study.best).toBe(first);
});

test('what is noted twice, as after a crash, changes nothing', async () => {
  const folder = await filled();
  using file = await StudyFile.open(folder);
  file.addReport(0, 'trial-0000-seed-1', 1, { accuracy: 0.1, loss: 2, seconds: 1 }, 0.3);
  const [first] = (await openStudy(folder)).trials;
  expect(first!.intermediate.get(1)).toBe(0.6);
  expect(first!.runs[1]!.reports.get(1)).toEqual({ accuracy: 0.7, loss: 0.9, seconds: 2 });
});

test('half of a transaction, as a kill leaves it, is not read, and nothing in the folder is touched', async () => {
  const folder = await filled();
  const path = join(folder, 'study.db');
  const killed = newFolder();
  const database = new Database(path);
  // Pages go to the file before the transaction ends, as in one that does not fit into memory.
  database.exec('PRAGMA cache_size = 1; BEGIN IMMEDIATE; UPDATE graft_study SET seconds = 99');
  for (let i = 0; i < 200; i++) database.exec(`INSERT INTO graft_reports VALUES ('trial-0002-seed-0', ${i}, 0, 0, 0)`);
  for (const name of ['study.db', 'study.db-journal']) copyFileSync(join(folder, name), join(killed, name));
  database.exec('ROLLBACK');
  database.close();
  const left = readFileSync(join(killed, 'study.db'));
  expect(left.equals(readFileSync(path))).toBe(false);
  const study = await openStudy(killed);
  expect(study.seconds).toBe(12.5);
  expect(study.trials[2]!.runs[0]!.reports.size).toBe(0);
  expect(readFileSync(join(killed, 'study.db')).equals(left)).toBe(true);
  expect(existsSync(join(killed, 'study.db-journal'))).toBe(true);
  (await StudyFile.open(killed))[Symbol.dispose]();
  expect((await openStudy(killed)).seconds).toBe(12.5);
});

describe('a study that was sent is not trusted', () => {
  test('one that another user signed is not this user’s', async () => {
    const folder = await filled();
    const database = new Database(join(folder, 'study.db'));
    database.exec("UPDATE graft_study SET definition = replace(definition, 'photos', 'secrets')");
    database.close();
    expect((await openStudy(folder)).isOwn).toBe(false);
  });

  test('links are not followed', async () => {
    const [folder, other] = [await filled(), newFolder()];
    symlinkSync(join(folder, 'study.db'), join(other, 'study.db'));
    await expect(openStudy(other)).rejects.toThrow(/not an ordinary file/);
    await expect(StudyFile.open(other)).rejects.toThrow(/links are not followed/);
    const third = newFolder();
    linkSync(join(folder, 'study.db'), join(third, 'study.db'));
    await expect(StudyFile.open(third)).rejects.toThrow(/hard link/);
  });

  test.each([
    ['no database', (path: string) => writeFileSync(path, 'hello'.repeat(1000)), /damaged: file is not a database/],
    ['nothing', (path: string) => writeFileSync(path, ''), /damaged: no such table/],
    ['a view that never ends', (path: string) => withSql(path, endlessView), /more than plain tables/],
    ['a column that computes', (path: string) => withSql(path, computing), /more than plain tables/],
    [
      'a folder elsewhere',
      (path: string) => withSql(path, "PRAGMA foreign_keys = OFF; UPDATE graft_runs SET folder = '../' || folder"),
      /folder/,
    ],
    ['another state', (path: string) => withSql(path, "UPDATE trials SET state = 'x'"), /state/],
    ['a text for a number', (path: string) => withSql(path, "UPDATE trials SET number = 'x'"), /number/],
    ['a later format', (path: string) => withSql(path, 'UPDATE graft_study SET format = 9'), /of format 9/],
    ['an option that is none', (path: string) => withSql(path, renamed), /learningRatf/],
  ])('%s', async (_, spoil, message) => {
    const folder = await filled();
    spoil(join(folder, 'study.db'));
    await expect(openStudy(folder)).rejects.toThrow(message);
  });

  test('a journal that would have another file removed is refused, for reading and for writing', async () => {
    const folder = await filled();
    const path = join(folder, 'study.db');
    const victim = join(newFolder(), 'victim');
    writeFileSync(victim, 'kept');
    const end = Buffer.alloc(16);
    end.writeUInt32BE(victim.length, 0);
    end.writeUInt32BE(
      [...Buffer.from(victim)].reduce((sum, byte) => sum + byte, 0),
      4,
    );
    Buffer.from('d9d505f920a163d7', 'hex').copy(end, 8);
    const header = Buffer.alloc(512);
    Buffer.from('d9d505f920a163d7', 'hex').copy(header);
    writeFileSync(`${path}-journal`, Buffer.concat([header, Buffer.from(victim), end]));
    await expect(openStudy(folder)).rejects.toThrow(/names another file/);
    await expect(StudyFile.open(folder)).rejects.toThrow(/names another file/);
    expect(existsSync(victim)).toBe(true);
  });
});

function withSql(path: string, sql: string): void {
  const database = new Database(path);
  database.exec(sql);
  database.close();
}

const endlessView =
  'ALTER TABLE graft_reports RENAME TO r; CREATE VIEW graft_reports AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL ' +
  "SELECT i + 1 FROM n) SELECT 'x' AS folder, i AS step, 0.0 AS accuracy, 0.0 AS loss, 0.0 AS seconds FROM n WHERE i < 0";
const computing = 'ALTER TABLE graft_runs ADD COLUMN big BLOB AS (zeroblob(1000000000))';
const renamed = "UPDATE graft_study SET definition = replace(definition, 'learningRate', 'learningRatf')";

test('where there is no study, that is said', async () => {
  const folder = newFolder();
  await expect(openStudy(folder)).rejects.toThrow(/There is no study/);
  renameSync(join(await filled(), 'study.db'), join(folder, 'study.db'));
  expect((await openStudy(folder)).trials).toHaveLength(3);
});
