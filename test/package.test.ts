import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { extract } from 'tar';
import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { drawImages, temporaryFolder } from './images.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const project = temporaryFolder();
const modules = join(project, 'node_modules');
const core = join(modules, '@graft-ml', 'core');
const installed = join(modules, 'graft-ml');
const web = join(modules, '@graft-ml', 'web');

const dependencies = z.record(z.string(), z.string());
const manifestSchema = z.object({
  bin: z.object({ graft: z.string() }).optional(),
  exports: z.record(z.string(), z.string()),
  dependencies,
  optionalDependencies: dependencies.optional(),
  scripts: z.record(z.string(), z.string()).optional(),
});
const manifestOf = (folder: string) =>
  manifestSchema.parse(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')));

/** The tarball that would be published, in a project that has what it depends on and nothing else. */
beforeAll(async () => {
  const workspaces = ['core', 'graft-ml', 'web'].flatMap((name) => ['--workspace', join('packages', name)]);
  const args = ['pack', '--silent', '--offline', '--pack-destination', project, ...workspaces];
  const packed = spawnSync('npm', args, { cwd: root, encoding: 'utf8', shell: process.platform === 'win32' });
  expect([packed.status, packed.stderr]).toEqual([0, '']);
  const tarballs = packed.stdout.trim().split('\n');
  for (const [i, folder] of [core, installed, web].entries()) {
    mkdirSync(folder, { recursive: true });
    await extract({ file: join(project, tarballs[i]!), cwd: folder, strip: 1 });
    const needed = manifestOf(folder);
    for (const name of Object.keys({ ...needed.dependencies, ...needed.optionalDependencies })) {
      const place = join(modules, name);
      if (name === '@graft-ml/core' || existsSync(place)) continue;
      mkdirSync(join(place, '..'), { recursive: true });
      symlinkSync(join(root, 'node_modules', name), place, 'junction');
    }
  }
  await drawImages(join(project, 'shapes'), { classes: ['disc', 'cross'], perClass: 6, side: 32 });
});

function node(...args: string[]) {
  const env = { ...process.env, GRAFT_CACHE: join(project, 'cache') };
  return spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8', env });
}
const graft = (...args: string[]) => node(join(installed, manifestOf(installed).bin!.graft), ...args);

test('the packed command helps, trains and predicts', () => {
  const help = graft('--help');
  expect([help.status, help.stderr, help.stdout]).toEqual([0, '', expect.stringContaining('Usage: graft')]);
  const quick = ['--model', 'conv4', '--image-size', '32', '--epochs', '1', '--batch-size', '4', '--threads', '1'];
  const trained = graft('train', 'shapes', ...quick, '--out', 'run');
  expect([trained.status, trained.stderr]).toEqual([0, expect.stringContaining('epoch 1 of 1')]);
  const image = join('shapes', 'disc', readdirSync(join(project, 'shapes', 'disc'))[0]!);
  const predicted = graft('predict', 'run', image);
  expect([predicted.status, predicted.stderr]).toEqual([0, '']);
  expect(predicted.stdout).toContain('disc');
});

test('every entry of the packed library can be imported, and its types are there', () => {
  const entries = [core, installed, web].flatMap((folder) => {
    const name = relative(modules, folder).split(sep).join('/');
    const { exports } = manifestOf(folder);
    for (const file of Object.values(exports).filter((each) => each.endsWith('.js') && !each.includes('*'))) {
      expect(existsSync(join(folder, file.replace(/\.js$/, '.d.ts'))), file).toBe(true);
    }
    return Object.keys(exports).flatMap((key) => (/\*|\.json/.test(key) ? [] : [name + key.slice(1)]));
  });
  expect(entries).toEqual(expect.arrayContaining(['graft-ml', 'graft-ml/nn', '@graft-ml/core/nn', '@graft-ml/web']));
  writeFileSync(join(project, 'all.mjs'), entries.map((name) => `await import('${name}');`).join('\n'));
  const { status, stderr } = node('all.mjs');
  expect([status, stderr]).toEqual([0, '']);
});

test('installing runs nothing of ours', () => {
  const atInstall = ['preinstall', 'install', 'postinstall', 'prepare'];
  for (const folder of [core, installed, web]) {
    const { scripts = {} } = manifestOf(folder);
    expect(Object.keys(scripts).filter((name) => atInstall.includes(name))).toEqual([]);
  }
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
