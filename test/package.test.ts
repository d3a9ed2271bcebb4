import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { extract } from 'tar';
import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { drawPictures, temporaryFolder } from './pictures.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const project = temporaryFolder();
const modules = join(project, 'node_modules');
const installed = join(modules, 'graft-ml');

const dependencies = z.record(z.string(), z.string());
const manifestSchema = z.object({
  bin: z.object({ graft: z.string() }),
  dependencies,
  optionalDependencies: dependencies,
  scripts: z.record(z.string(), z.string()),
});
const manifest = () => manifestSchema.parse(JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')));

/** The tarball that would be published, in a project that has what it depends on and nothing else. */
beforeAll(async () => {
  const args = ['pack', '--silent', '--offline', '--pack-destination', project];
  const packed = spawnSync('npm', args, { cwd: root, encoding: 'utf8', shell: process.platform === 'win32' });
  expect([packed.status, packed.stderr]).toEqual([0, '']);
  mkdirSync(installed, { recursive: true });
  await extract({ file: join(project, packed.stdout.trim()), cwd: installed, strip: 1 });
  const needed = manifest();
  for (const name of Object.keys({ ...needed.dependencies, ...needed.optionalDependencies })) {
    mkdirSync(join(modules, name, '..'), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(modules, name), 'junction');
  }
  await drawPictures(join(project, 'shapes'), { classes: ['disc', 'cross'], perClass: 6, side: 32 });
});

function node(...args: string[]) {
  const env = { ...process.env, GRAFT_CACHE: join(project, 'cache') };
  return spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8', env });
}
const graft = (...args: string[]) => node(join(installed, manifest().bin.graft), ...args);

test('the packed command helps, trains and predicts', () => {
  const help = graft('--help');
  expect([help.status, help.stderr, help.stdout]).toEqual([0, '', expect.stringContaining('Usage: graft')]);
  const quick = ['--model', 'conv4', '--image-size', '32', '--epochs', '1', '--batch-size', '4', '--threads', '1'];
  const trained = graft('train', 'shapes', ...quick, '--out', 'run');
  expect([trained.status, trained.stderr]).toEqual([0, expect.stringContaining('epoch 1 of 1')]);
  const picture = join('shapes', 'disc', readdirSync(join(project, 'shapes', 'disc'))[0]!);
  const predicted = graft('predict', 'run', picture);
  expect([predicted.status, predicted.stderr]).toEqual([0, '']);
  expect(predicted.stdout).toContain('disc');
});

test('every entry of the packed library can be imported, and its types are there', () => {
  const entries = readdirSync(join(installed, 'dist', 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'cli')
    .map((entry) => entry.name)
    .filter((name) => readdirSync(join(installed, 'dist', 'src', name)).includes('index.js'));
  expect(entries).toContain('train');
  const code = ['graft-ml', ...entries.map((name) => `graft-ml/${name}`)].map((name) => `await import('${name}');`);
  writeFileSync(join(project, 'all.mjs'), code.join('\n'));
  const { status, stderr } = node('all.mjs');
  expect([status, stderr]).toEqual([0, '']);
  expect(readdirSync(join(installed, 'dist', 'src'))).toContain('index.d.ts');
});

test('installing runs nothing of ours', () => {
  const atInstall = ['preinstall', 'install', 'postinstall', 'prepare'];
  expect(Object.keys(manifest().scripts).filter((name) => atInstall.includes(name))).toEqual([]);
});

test('without onnxruntime-node, which npm leaves out where its script fails, the command says what to do', () => {
  rmSync(join(modules, 'onnxruntime-node'), { recursive: true });
  expect(graft('--help').status).toBe(0);
  expect(graft('doctor', 'shapes').status).toBe(0);
  const { status, stderr } = graft('train', 'shapes', '--model', 'conv4', '--image-size', '32', '--out', 'other');
  expect(status).toBe(1);
  expect(stderr).toContain(
    'graft: onnxruntime-node is not installed. npm leaves it out where its install script fails, which fetches CUDA libraries',
  );
  expect(stderr).toContain('run `npm install --ignore-scripts` in your project.\n');
});
