import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { type Outcome, outcomeOf, program } from './graft.ts';
import { drawImages, temporaryFolder } from './images.ts';

const root = temporaryFolder();
const project = join(root, 'project');

/** A project that has Graft installed, with images, and a home in which nothing has run yet. */
beforeAll(async () => {
  mkdirSync(join(project, 'node_modules'), { recursive: true });
  symlinkSync(
    fileURLToPath(new URL('../packages/graft-ml', import.meta.url)),
    join(project, 'node_modules', 'graft-ml'),
  );
  await drawImages(join(project, 'shapes'), { classes: ['disc', 'square', 'cross'], perClass: 6, side: 32 });
});

let homes = 0;

/**
 * Runs Node with nothing in the environment but the folders of a person who has just arrived, and gives what was
 * written anywhere in them. On a build server ONNX Runtime is quiet by itself, which is why CI and its like are left
 * out.
 */
async function inFreshHome(
  args: readonly string[],
  more: NodeJS.ProcessEnv = {},
): Promise<Outcome & { files: string[] }> {
  const home = join(root, `home-${homes++}`);
  for (const name of ['temporary', 'home']) mkdirSync(join(home, name), { recursive: true });
  const env = {
    PATH: process.env.PATH,
    HOME: join(home, 'home'),
    TMPDIR: join(home, 'temporary'),
    GRAFT_CACHE: join(project, 'cache'),
    ...more,
  };
  const child = spawn(process.execPath, args, { cwd: project, env });
  const outcome = await outcomeOf(child);
  const files = readdirSync(home, { recursive: true, encoding: 'utf8' });
  return { ...outcome, files: files.filter((file) => !['temporary', 'home'].includes(file)).sort() };
}

/** A module of the project, run as it is or, where it asks for that, in a worker. */
function script(name: string, code: string): string {
  const file = join(project, name);
  writeFileSync(file, code);
  return file;
}

const library = `
import { createRuntime } from 'graft-ml/runtime';
import { input } from 'graft-ml/graph';
import { exp } from 'graft-ml/ops';
const program = await createRuntime({ cache: null }).compile({ y: exp(input('x', 'f32', [2])) });
const { y } = await program.run({ x: { dtype: 'f32', shape: [2], data: Float32Array.of(0, 0) } });
console.log(...y.data);
`;
const inWorker = (before: string, options = '{}') => `
import { isMainThread, Worker } from 'node:worker_threads';
if (isMainThread) {
  ${before}
  new Worker(new URL(import.meta.url), ${options}).on('error', (error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
} else {
  await import('./library.mjs');
}
`;

test('ONNX Runtime on its own writes where we would see it', async () => {
  const code = `
    import ort from 'onnxruntime-node';
    import { encode, input } from 'graft-ml/graph';
    import { exp } from 'graft-ml/ops';
    await ort.InferenceSession.create(encode({ y: exp(input('x', 'f32', [2])) }).model);
  `;
  symlinkSync(
    fileURLToPath(new URL('../node_modules/onnxruntime-node', import.meta.url)),
    join(project, 'node_modules', 'onnxruntime-node'),
  );
  const { status, files } = await inFreshHome([script('plain.mjs', code)]);
  expect(status).toBe(0);
  // Windows leaves events to the system, and writes no file.
  if (process.platform === 'linux') expect(files.join('\n')).toContain('deviceid');
});

test('the command writes into the given folders alone, in every process and thread', async () => {
  const quick = ['--model', 'conv4', '--image-size', '32', '--epochs', '1', '--batch-size', '4', '--threads', '1'];
  const meta = ['--model', 'conv4_32', '--image-size', '16', '--way', '2', '--shots', '2', '--queries', '2'];
  const few = ['--meta-batch', '2', '--meta-steps', '2', '--episodes', '2', '--split', '1/1/1', '--rotations', 'all'];
  const image = join('shapes', 'disc', readdirSync(join(project, 'shapes', 'disc'))[0]!);
  for (const args of [
    ['train', 'shapes', ...quick, '--out', 'run'],
    ['predict', 'run', image],
    ['export', 'run', '--out', 'model.onnx'],
    ['meta', 'train', 'shapes', ...meta, ...few, '--threads', '2', '--out', 'meta-run'],
  ]) {
    const { status, stderr, files } = await inFreshHome([program, ...args], { ORT_DISABLE_TELEMETRY: '0' });
    expect([args[0], status, status === 0 ? '' : stderr, files]).toEqual([args[0], 0, '', []]);
  }
  expect(existsSync(join(project, 'cache'))).toBe(true);
});

test('a program that imports the library sends nothing either, from its main thread or from a worker', async () => {
  const files = {
    main: script('library.mjs', library),
    worker: script('worker.mjs', inWorker(`await import('graft-ml');`)),
    sharing: script('sharing.mjs', inWorker('', '{ env: (await import("node:worker_threads")).SHARE_ENV }')),
  };
  for (const [name, file] of Object.entries(files)) {
    const { stdout, stderr, files: written } = await inFreshHome([file]);
    expect([name, stdout, stderr, written]).toEqual([name, '1 1\n', '', []]);
  }
});

test('a worker that could not switch it off runs nothing, and says what to do', async () => {
  const file = script('alone.mjs', inWorker(''));
  const { status, stderr, files } = await inFreshHome([file]);
  expect([status, files]).toEqual([1, []]);
  expect(stderr).toContain('start Node with ORT_DISABLE_TELEMETRY=1');
  const { stdout } = await inFreshHome([file], { ORT_DISABLE_TELEMETRY: '1' });
  expect(stdout).toBe('1 1\n');
});
