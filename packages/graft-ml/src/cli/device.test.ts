import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { tolerance } from '../../../../test/golden.ts';
import { graft } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { hasGpu } from '../../../../test/software-gpu.ts';
import { createRuntime } from '../runtime/index.ts';
import { noteOnDevice } from '../transfer/prepare.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const [trained, episodic] = ['trained', 'episodic'].map((name) => join(root, name)) as [string, string];
const small = ['--model', 'conv4_32', '--image-size', '16', '--batch-size', '8', '--threads', '1', '--no-report'];
const tasks = ['--way', '2', '--shots', '1', '--queries', '1'];

const made = async (args: readonly string[]) => {
  const { status, stderr } = await graft(args, root);
  expect(status, stderr).toBe(0);
};

beforeAll(async () => {
  await drawImages(shapes, { perClass: 12 });
  await made(['train', shapes, ...small, '--epochs', '2', '--out', trained]);
  const meta = ['--learner', 'protonet', '--model', 'conv4_32', '--image-size', '16', '--meta-steps', '2'];
  await made(['meta', 'train', shapes, ...meta, ...tasks, '--rotations', 'all', '--threads', '1', '--out', episodic]);
});

/** Commands that compute, each on the run it wants. */
const commands = (): readonly (readonly string[])[] => [
  ['train', shapes, ...small, '--epochs', '1', '--out', join(root, 'never')],
  ['predict', trained, shapes],
  ['evaluate', trained, shapes],
  ['calibrate', trained],
  ['rank', shapes, '--models', 'conv4'],
  ['doctor', shapes, '--labels', '--model', 'conv4'],
  ['meta', 'train', shapes, ...tasks, '--out', join(root, 'never')],
  ['meta', 'test', episodic],
  ['meta', 'adapt', episodic, shapes, '--out', join(root, 'never')],
];

test('a device that does not exist: exit 2 and those that do, by every command', async () => {
  for (const command of commands()) {
    const { status, stdout, stderr } = await graft([...command, '--device', 'tpu'], root);
    expect([command[0], status, stdout]).toEqual([command[0], 2, '']);
    expect(stderr).toMatch(/^graft: .*--device.*"tpu".*cpu.*webgpu.*cuda.*auto/);
  }
});

test('a run that goes on on another device says so', () => {
  const runtime = createRuntime({ cache: null, threads: 1 });
  expect(noteOnDevice('cpu', runtime)).toEqual([]);
  expect(noteOnDevice('webgpu', runtime)).toEqual([
    expect.stringMatching(/^Device: cpu\. The run was trained on webgpu/),
  ]);
});

test('a dataset is examined on no device but for its labels', async () => {
  const { status, stderr } = await graft(['doctor', shapes, '--device', 'cpu'], root);
  expect([status, stderr]).toEqual([2, 'graft: doctor: --device goes with --labels.\n']);
});

describe.skipIf(!hasGpu('the commands on a GPU'))('on a GPU', () => {
  const gpu = ['--device', 'webgpu'];

  test('a learner is tested as on the processor', async () => {
    const command = ['meta', 'test', episodic, '--episodes', '4', '--json'];
    const [here, there] = await Promise.all([[], gpu].map((flags) => graft([...command, ...flags], root)));
    expect([here!.status, there!.status], there!.stderr).toEqual([0, 0]);
    const [expected, actual] = [here!, there!].map(({ stdout }) => JSON.parse(stdout).perStep[0].loss.mean);
    expect(Math.abs(actual / expected - 1)).toBeLessThan(tolerance.model);
  });

  test('models are ranked as on the processor, by features of their own', async () => {
    const command = ['rank', shapes, '--models', 'conv4_32', '--image-size', '16', '--images', '16', '--folds', '2'];
    const ranked = async (flags: readonly string[]) => {
      const { status, stdout, stderr } = await graft([...command, '--json', ...flags], root);
      expect(status, stderr).toBe(0);
      const { models, images } = JSON.parse(stdout);
      return { ...models[0], images };
    };
    const [here, there] = [await ranked([]), await ranked(gpu)];
    expect(Math.abs(there.logme / here.logme - 1)).toBeLessThan(1e-3);
    expect([here.cached, there.cached]).toEqual([0, 0]);
    expect((await ranked(gpu)).cached).toBe(there.images);
  });
});
