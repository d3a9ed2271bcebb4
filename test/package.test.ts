import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { type ESTree, parseSync } from 'rolldown/utils';
import sharp from 'sharp';
import { extract } from 'tar';
import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { install, installedSizes, isRegistryThere, packAll, sizesTable } from '../scripts/packed.ts';
import { drawImages, temporaryFolder } from './images.ts';
import { buildStudio } from './studio.ts';

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('..', import.meta.url));
const project = temporaryFolder();
const modules = join(project, 'node_modules');
const names = ['@graft-ml/core', 'graft-ml', '@graft-ml/web'];
const folderOf = (name: string) => join(modules, ...name.split('/'));

const dependencies = z.record(z.string(), z.string());
const manifestSchema = z.object({
  bin: z.object({ graft: z.string() }).optional(),
  exports: z.record(z.string(), z.string()),
  sideEffects: z.union([z.literal(false), z.array(z.string())]),
  dependencies,
  optionalDependencies: dependencies.optional(),
  scripts: z.record(z.string(), z.string()).optional(),
});
const manifestOf = (name: string) =>
  manifestSchema.parse(JSON.parse(readFileSync(join(folderOf(name), 'package.json'), 'utf8')));

let tarballs: readonly string[];
/** How long npm took to install them; null where no registry can be reached, and what they depend on is linked. */
let seconds: number | null = null;

async function linkDependencies(): Promise<void> {
  for (const [i, name] of names.entries()) {
    mkdirSync(folderOf(name), { recursive: true });
    await extract({ file: tarballs[i]!, cwd: folderOf(name), strip: 1 });
    const needed = manifestOf(name);
    for (const other of Object.keys({ ...needed.dependencies, ...needed.optionalDependencies })) {
      const place = join(modules, other);
      if (names.includes(other) || existsSync(place)) continue;
      mkdirSync(join(place, '..'), { recursive: true });
      symlinkSync(join(root, 'node_modules', other), place, 'junction');
    }
  }
}

/** The digits of the quickstart, 20 of each to train on and 20 to validate with. */
async function writeDigits(folder: string): Promise<void> {
  for (let digit = 0; digit < 10; digit++) {
    const { data } = require(`mnist/src/digits/${digit}.json`) as { data: number[] };
    for (let i = 0; i < 40; i++) {
      const target = join(folder, i < 20 ? 'train' : 'val', String(digit));
      mkdirSync(target, { recursive: true });
      const grey = Uint8Array.from(data.slice(i * 784, (i + 1) * 784), (ink) => Math.round(255 * (1 - ink)));
      await sharp(grey, { raw: { width: 28, height: 28, channels: 1 } })
        .png()
        .toFile(join(target, `${i}.png`));
    }
  }
}

/**
 * An empty project outside the repository that installs the tarballs, which would be published, from npm's registry.
 */
beforeAll(async () => {
  await buildStudio();
  tarballs = packAll(root, project);
  if (isRegistryThere(project)) {
    const start = Date.now();
    install(tarballs, project);
    seconds = (Date.now() - start) / 1000;
  } else {
    await linkDependencies();
  }
  await drawImages(join(project, 'shapes'), { classes: ['disc', 'cross'], perClass: 6, side: 32 });
  await writeDigits(join(project, 'digits'));
}, 600_000);

function node(...args: string[]) {
  const env = { ...process.env, GRAFT_CACHE: join(project, 'cache') };
  return spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8', env });
}
const graft = (...args: string[]) => node(join(folderOf('graft-ml'), manifestOf('graft-ml').bin!.graft), ...args);

/** What a program imports: `graft-ml/nn`. */
const entriesOf = (name: string) =>
  Object.keys(manifestOf(name).exports).flatMap((key) => (/\*|\.json/.test(key) ? [] : [name + key.slice(1)]));

test('they are installed from the registry, and from nowhere else', (context) => {
  if (seconds === null) context.skip('npm’s registry cannot be reached: the dependencies are those of this repository');
  const { packages } = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8'));
  const registry = new URL(spawnSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).stdout.trim());
  const hosts = Object.entries<{ resolved?: string }>(packages).flatMap(([path, { resolved }]) =>
    path === '' ? [] : [resolved?.startsWith('file:') ? 'tarball' : new URL(resolved!).host],
  );
  expect([...new Set(hosts)].sort()).toEqual([registry.host, 'tarball'].sort());
  console.log(`installed in ${seconds!.toFixed(0)} s\n${sizesTable(installedSizes(project))}`);
});

test.each(names.map((name, i) => [name, i] as const))(
  'publint and “are the types wrong?” have nothing to say of %s',
  async (_, i) => {
    const data = readFileSync(tarballs[i]!);
    const { messages, pkg } = await publint({ strict: true, pack: { tarball: new Uint8Array(data).buffer } });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
    const analysis = await checkPackage(createPackageFromTarballData(data));
    // They are ES modules only, for resolution by `exports`.
    const problems = analysis.types
      ? analysis.problems.filter(
          (problem) => !('resolutionKind' in problem) || !['node10', 'node16-cjs'].includes(problem.resolutionKind),
        )
      : ['no types'];
    expect(problems).toEqual([]);
  },
);

test.each(names)('importing a module of %s does nothing but in those of `sideEffects`', (name) => {
  const inert = /^(Import|Export|TS|Function|Class|Variable)\w*$/;
  const isDirective = (node: ESTree.Node) => 'directive' in node && typeof node.directive === 'string';
  const files = readdirSync(join(folderOf(name), 'dist'), { recursive: true, encoding: 'utf8' });
  const acting = files.flatMap((file) => {
    if (!file.endsWith('.js')) return [];
    const { program } = parseSync(file, readFileSync(join(folderOf(name), 'dist', file), 'utf8'));
    return program.body.some((node) => !inert.test(node.type) && !isDirective(node)) ? [`./dist/${file}`] : [];
  });
  expect(acting.sort()).toEqual(manifestOf(name).sideEffects || []);
});

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

test('every entry of the packed library can be imported', () => {
  const entries = names.flatMap(entriesOf);
  expect(entries).toEqual(expect.arrayContaining(['graft-ml', 'graft-ml/nn', '@graft-ml/core/nn', '@graft-ml/web']));
  writeFileSync(join(project, 'all.mjs'), entries.map((name) => `await import('${name}');`).join('\n'));
  const { status, stderr } = node('all.mjs');
  expect([status, stderr]).toEqual([0, '']);
});

const tsc = join(require.resolve('typescript/package.json'), '..', 'bin', 'tsc');
/** Checks types strictly, those of the packages’ own declaration files too. */
const compile = (file: string, ...options: string[]) =>
  node(tsc, '--ignoreConfig', '--strict', '--target', 'es2023', '--skipLibCheck', 'false', ...options, file);

test.each([
  ['Node', '--module', 'nodenext'],
  ['a bundler', '--module', 'esnext', '--moduleResolution', 'bundler'],
])('TypeScript finds the types of every entry as %s does', (_, ...options) => {
  const program = (entries: readonly string[]) =>
    `${entries.map((entry, i) => `import * as m${i} from '${entry}';`).join('\n')}
    export const all = [${entries.map((_, i) => `m${i}`).join(', ')}];`;
  writeFileSync(join(project, 'anywhere.mts'), program(['@graft-ml/core', '@graft-ml/web'].flatMap(entriesOf)));
  writeFileSync(join(project, 'node.mts'), program(entriesOf('graft-ml')));
  expect(compile('anywhere.mts', '--noEmit', '--types', '', ...options).stdout).toBe('');
  const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules', '@types')];
  expect(compile('node.mts', '--noEmit', ...types, ...options).stdout).toBe('');
});

test('a TypeScript program trains the digits of the quickstart', () => {
  writeFileSync(
    join(project, 'digits.mts'),
    `import { openRun, trainFolder, type TrainConfigInput } from 'graft-ml';

    const config: TrainConfigInput = { model: 'conv4', strategy: 'full', learningRate: 0.02, epochs: 8 };
    const weights = new URL('./node_modules/graft-ml/assets/conv4-omniglot.safetensors', import.meta.url).pathname;
    for await (const event of trainFolder('digits', { ...config, weights }, { out: 'digits-run' })) {
      if (event.kind === 'evaluation') console.log(event.epoch, event.accuracy);
    }
    const classifier = await openRun('digits-run');
    console.log(classifier.classes.join(' '));
    await classifier.close();`,
  );
  const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules', '@types')];
  expect(compile('digits.mts', '--module', 'nodenext', ...types).stdout).toBe('');
  const { status, stdout, stderr } = node('digits.mjs');
  expect([status, stderr]).toEqual([0, '']);
  const lines = stdout.trim().split('\n');
  expect(lines.at(-1)).toBe('0 1 2 3 4 5 6 7 8 9');
  expect(Number(lines.at(-2)!.split(' ')[1])).toBeGreaterThan(0.6); // guessing gives 0.1
});

test('installing runs nothing of ours', () => {
  const atInstall = ['preinstall', 'install', 'postinstall', 'prepare'];
  for (const name of names) {
    const { scripts = {} } = manifestOf(name);
    expect(Object.keys(scripts).filter((script) => atInstall.includes(script))).toEqual([]);
  }
});

test('what is packed is what is used: no map, no test, no note of the compiler; and the licence', () => {
  for (const name of names) {
    const files = readdirSync(folderOf(name), { recursive: true, encoding: 'utf8' });
    expect(files.filter((file) => /\.map$|\.test\.|tsbuildinfo/.test(file))).toEqual([]);
    expect(files.map((file) => posix.basename(file))).toContain('LICENSE');
  }
  const studio = readdirSync(join(folderOf('graft-ml'), 'studio'));
  expect(studio).toEqual(expect.arrayContaining(['index.html', 'service-worker.js', 'assets', 'samples']));
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
