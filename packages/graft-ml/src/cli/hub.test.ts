import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { graft, outcomeOf } from '../../../../test/graft.ts';
import { filesOf, hubToken, startHub } from '../../../../test/hub.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { runFolder } from '../../../../test/runs.ts';

ownCache();
const hub = await startHub();
const root = temporaryFolder();
const shapes = join(root, 'shapes');

beforeAll(async () => {
  const classes = ['disc', 'square', 'cross', 'ring', 'bar'] as const;
  await drawImages(shapes, { classes, perClass: 6, side: 16 });
  await runFolder(shapes, join(root, 'run'), { epochs: 1 });
});

beforeEach(() => {
  vi.stubEnv('HF_ENDPOINT', hub.address);
  vi.stubEnv('HF_TOKEN', hubToken);
  vi.stubEnv('HF_HOME', join(root, 'hf-home'));
});

test('a run is planned, pushed, pushed again, pulled, and predicts', async () => {
  const planned = await graft(['push', 'run', 'acme/shapes', '--dry-run'], root);
  expect(planned.status).toBe(0);
  expect(planned.stdout).toMatch(
    /^README\.md +\d+\.\d KiB\nconfig\.json .*\nonnx\/model\.onnx .*\npreprocessor_config\.json .*\n/m,
  );
  expect(planned.stdout).toContain(`Would be pushed to ${hub.address}/acme/shapes. Nothing was sent.`);
  expect(hub.requests).toEqual([]);

  const pushed = await graft(['push', 'run', 'acme/shapes', '--message', 'First'], root);
  expect(pushed.stdout).toMatch(
    /Pushed 4 files to .*acme\/shapes \(main\), commit \w{12}\. The repository is new and private\.\n$/,
  );
  expect(`${pushed.stdout}${pushed.stderr}`).not.toContain(hubToken);
  expect(`${filesOf(hub, 'acme/shapes').get('README.md')}`).toContain("pipeline('image-classification', 'acme/shapes'");
  const again = await graft(['push', 'run', 'acme/shapes'], root);
  expect(again.stdout).toContain('Nothing has changed: ');

  const pulled = await graft(['pull', 'acme/shapes', '--out', 'shapes-model', '--json'], root);
  expect(JSON.parse(pulled.stdout)).toMatchObject({ out: 'shapes-model', isUnchanged: false });
  const image = join('shapes', 'disc', readdirSync(join(shapes, 'disc'))[0]!);
  const ask = async (model: string) => JSON.parse((await graft(['predict', model, image, '--json'], root)).stdout)[0];
  const [mine, theirs] = [await ask('run'), await ask('shapes-model')];
  expect(theirs.classes.map(({ name }: { name: string }) => name)).toEqual(
    mine.classes.map(({ name }: { name: string }) => name),
  );
  expect(theirs.classes[0].probability).toBeCloseTo(mine.classes[0].probability, 5);
});

test('a meta-learned run is pushed as a run, pulled, and adapted', async () => {
  const tiny = [
    ...['--model', 'conv4_32', '--image-size', '16', '--way', '2', '--shots', '2', '--queries', '2', '--threads', '1'],
    ...['--meta-batch', '2', '--meta-steps', '2', '--episodes', '2', '--split', '3/1/1', '--rotations', 'all'],
  ];
  expect((await graft(['meta', 'train', 'shapes', ...tiny, '--out', 'meta'], root)).status).toBe(0);
  const { status, stderr } = await graft(['push', 'meta', 'acme/few', '--episodes', '3', '--public'], root);
  expect([status, stderr]).toEqual([0, expect.not.stringContaining('Not measured')]);
  const sent = filesOf(hub, 'acme/few');
  expect([...sent.keys()].sort()).toEqual(['.gitattributes', 'README.md', 'best.safetensors', 'run.json']);
  expect(`${sent.get('README.md')}`).toMatch(/on 2-way 2-shot tasks, 3 episodes of test classes, none of which/);
  for (const [path, bytes] of sent) expect(bytes.includes(root), path).toBe(false);
  await graft(['pull', 'acme/few', '--out', 'pulled-few'], root);
  const adapted = await graft(['meta', 'adapt', 'pulled-few', 'shapes'], root);
  expect(adapted.stdout).toContain('maml learned 5 classes');
});

test('without a token it says how to get one; both kinds of repository are one too many', async () => {
  vi.stubEnv('HF_TOKEN', '');
  const { status, stdout, stderr } = await graft(['push', 'run', 'acme/none'], root);
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toContain('needs an access token with write permission');
  const both = await graft(['push', 'run', 'acme/none', '--public', '--private'], root);
  expect([both.status, both.stderr]).toEqual([2, expect.stringContaining('push: --private or --public?')]);
  expect(readFileSync(join(root, 'run', 'run.json'), 'utf8')).not.toContain(hubToken);
  const elsewhere = await graft(['pull', '../x'], root);
  expect([elsewhere.status, elsewhere.stderr]).toEqual([
    1,
    expect.stringContaining('graft: "../x" does not name a repository of the hub: expected `owner/name`, in letters'),
  ]);
});

test('the programs of docs/hub.md, and of a verification in docs/export.md, run', async () => {
  const repository = fileURLToPath(new URL('../../../..', import.meta.url));
  mkdirSync(join(root, 'runs'));
  symlinkSync(join(root, 'run'), join(root, 'runs', 'x'));
  symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'));
  mkdirSync(join(root, 'photos'));
  symlinkSync(shapes, join(root, 'photos', 'test'));
  cpSync(join(shapes, 'disc', readdirSync(join(shapes, 'disc'))[0]!), join(root, 'photo.jpg'));
  const outputOf = async (page: string, name: string) => {
    const text = readFileSync(join(repository, 'docs', page), 'utf8');
    const code = [...text.matchAll(/```ts\n(.*?)```/gs)].map(([, block]) => block!).find((each) => each.includes(name));
    writeFileSync(join(root, `${name}.mjs`), code!);
    const { status, stdout, stderr } = await outcomeOf(spawn(process.execPath, [`${name}.mjs`], { cwd: root }));
    expect([status, stderr]).toEqual([0, '']);
    return stdout;
  };
  const pushed = await outputOf('hub.md', 'pushModel');
  expect(pushed).toMatch(/^---\nlicense: mit\n/);
  expect(pushed).toContain(`${hub.address}/acme/flowers flowers/onnx/model.onnx`);
  expect(pushed).toMatch(/\n(disc|square|cross|ring|bar) 0\.\d+\n$/);
  const verified = await outputOf('export.md', 'verifyExport');
  expect(verified).toMatch(/^fp32 onnxruntime-node \S+ agrees \S+\nfp16 onnxruntime-node \S+ (agrees|differs) \S+\n$/);
});
