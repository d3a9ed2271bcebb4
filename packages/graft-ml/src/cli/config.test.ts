import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { graft } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun } from '../../../../test/runs.ts';

ownCache();
const root = temporaryFolder();
const file = join(root, 'options.yaml');
const small = { model: 'conv4', batchSize: 8, threads: 1, epochs: 2 };

beforeAll(async () => {
  mkdirSync(join(root, 'a=b'));
  await drawImages(join(root, 'a=b', 'c=d'), { perClass: 6 });
});

async function config(...args: string[]): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await graft(['config', ...args, '--json']);
  expect([status, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
}

test('graft config prints what graft config --config reads', async () => {
  const args = ['model=conv4', 'lr=0.003', '--optimizer', 'sgd', 'nesterov=true', 'head=null'];
  const { status, stdout, stderr } = await graft(['config', ...args]);
  expect([status, stderr]).toEqual([0, '']);
  writeFileSync(file, stdout);
  expect(await config('--config', file)).toEqual(await config(...args));
  expect((await graft(['config', '--config', file])).stdout).toBe(stdout);
});

test('the table’s defaults give way to the file, and the file to what is given', async () => {
  writeFileSync(file, 'learningRate: 0.1\nmachine:\n  seed: 5\nbatch-size: 4\nstrict: true\n');
  const merged = await config('--config', file, 'batchSize=2', '--seed', '6', 'strict=false');
  expect(merged).toMatchObject({ learningRate: 0.1, batchSize: 2, seed: 6, strict: false, optimizer: 'adamw' });
});

test('a file that is wrong: exit 1, its name and the line', async () => {
  writeFileSync(file, 'seed: 1\nepoch: 3\n');
  const message = `graft: ${file}, line 2: "epoch" is no option. Did you mean "epochs"? \`graft config\` shows them all.\n`;
  for (const args of [['config'], ['train', 'x']]) {
    expect(await graft([...args, '--config', file])).toEqual({ status: 1, stdout: '', stderr: message });
  }
});

test('the same run by flags, by settings, and by files of both kinds; a folder may have any name', async () => {
  const folder = join('a=b', 'c=d');
  const flags = ['--model', 'conv4', '--batch-size', '8', '--threads', '1', '--epochs', '2'];
  const settings = Object.entries(small).map(([key, value]) => `${key}=${value}`);
  writeFileSync(join(root, 'x.json'), JSON.stringify({ folder, out: 'json', ...small }));
  writeFileSync(file, `folder: ${folder}\nmodel: {model: conv4}\nbatch-size: 8\nthreads: 1\nepochs: 9\n`);
  const runs = [
    ['./a=b/c=d', ...flags, '--out', 'flags'],
    [join(root, folder), 'out=settings', ...settings],
    ['--config', 'x.json'],
    ['--config', file, 'epochs=2', '--out', 'yaml'],
  ];
  for (const args of runs) expect((await graft(['train', ...args], root)).stderr).not.toContain('graft:');
  for (const name of ['settings', 'json', 'yaml']) {
    expectSameRun(join(root, 'flags'), join(root, name));
    const [a, b] = ['flags', name].map((run) => JSON.parse(readFileSync(join(root, run, 'run.json'), 'utf8')).config);
    expect(a).toEqual(b);
  }
});
