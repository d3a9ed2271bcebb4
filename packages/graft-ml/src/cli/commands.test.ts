import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { graft, startGraft } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { inCommands } from '../text/wording.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const run = join(root, 'run');
const small = ['--model', 'conv4', '--epochs', '2', '--batch-size', '8', '--threads', '1'];
let training: Awaited<ReturnType<typeof graft>>;

beforeAll(async () => {
  await drawImages(shapes, { perClass: 12 });
  writeFileSync(join(shapes, 'disc', 'text.jpg'), 'this is a text');
  training = await graft(['train', shapes, ...small, '--learning-rate', '0.003', '--out', run]);
});

describe('train', () => {
  test('progress goes to stderr, the result to stdout; what was left out is reported by path and counted', async () => {
    const { status, stdout, stderr } = training;
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^Best validation accuracy \d+\.\d %, loss \d\.\d{4}, in epoch [12]\. The run is in .*run\n$/,
    );
    expect(stderr).toContain(`${join(shapes, 'disc', 'text.jpg')}: the content is neither JPEG`);
    expect(stderr).toMatch(/images {5}30 to train, 6 to validate, 3 classes, 28 px, 1 problems?\n/);
    expect(stderr.match(/^epoch \d of 2: loss/gm)).toHaveLength(2);
    expect(stderr.match(/^training \(6\)$/gm)).toHaveLength(1);
    expect(stderr).not.toContain('\u001b');
  });

  test('--strict makes an error of it, and nothing is written', async () => {
    const { status, stdout, stderr } = await graft(['train', shapes, ...small, '--strict', '--out', join(root, 'no')]);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain('text.jpg');
    expect((await graft(['inspect', join(root, 'no')])).status).toBe(1);
  });

  test('an empty folder, one class, no folder, a run in the way: exit 1 and a sentence', async () => {
    mkdirSync(join(root, 'empty'));
    const one = await drawImages(join(root, 'one'), { classes: ['disc'], perClass: 3 });
    const cases = [
      [join(root, 'empty'), join(root, 'a'), 'holds no usable images'],
      [one, join(root, 'b'), 'one class (disc)'],
      [join(root, 'nowhere'), join(root, 'c'), 'does not exist'],
      [shapes, run, 'already holds a run'],
    ] as const;
    for (const [folder, out, message] of cases) {
      const { status, stdout, stderr } = await graft(['train', folder, ...small, '--out', out]);
      expect([status, stdout]).toEqual([1, '']);
      expect(stderr).toContain(message);
      expect(stderr).not.toContain('    at ');
    }
    // That no image can be used is nearer than that the default model's weights are missing.
    mkdirSync(join(root, 'texts', 'a'), { recursive: true });
    writeFileSync(join(root, 'texts', 'a', 'x.jpg'), 'a text');
    const texts = await graft(['train', join(root, 'texts'), '--offline', '--out', join(root, 'e')]);
    expect(texts).toMatchObject({ status: 1, stdout: '' });
    expect(texts.stderr).toContain('texts holds no usable images');
    const { stderr } = await graft(['train', join(root, 'empty'), '--offline', '--out', join(root, 'd')]);
    expect(stderr).toMatch(/^graft: .*the folder is empty/); // not of weights, which would have to be downloaded first
  });

  test('--config repeats a run bit for bit, from its run.json alone', async () => {
    const copy = join(root, 'copy');
    const { status, stdout } = await graft(['train', '--config', join(run, 'run.json'), '--out', copy, '--json']);
    expect(status).toBe(0);
    const { best } = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8'));
    expect(JSON.parse(stdout)).toEqual({ out: copy, status: 'done', best, warnings: [] });
    for (const name of ['best.safetensors', 'last.safetensors']) {
      expect(readFileSync(join(copy, name)).equals(readFileSync(join(run, name)))).toBe(true);
    }
    const nothing = await graft(['train', '--config', join(root, 'no.json'), '--out', join(root, 'd')]);
    expect([nothing.status, nothing.stderr]).toEqual([
      1,
      expect.stringContaining(`Cannot read ${join(root, 'no.json')}`),
    ]);
  });

  test('a loss that is no number: exit 1, what to do, and what there is of the run', async () => {
    const wild = ['--optimizer', 'sgd', '--schedule', 'constant', '--learning-rate', '1e30', '--epochs', '9'];
    const { status, stderr } = await graft(['train', shapes, ...small, ...wild, '--out', join(root, 'wild')]);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /graft: the loss became .* Try a tenth of the learning rate, or --clip-norm 1\..* look at the images of that step: \S+\.png, .* and 4 more\.\n$/,
    );
    expect(stderr).toMatch(/wild (holds the last checkpoint before it|has no checkpoint yet)/);
    expect(stderr).not.toContain('    at ');
  });
});

test('warnings stand before training, in run.json and in the JSON; about the images they are errors with --strict', async () => {
  const folder = join(root, 'leaking');
  await drawImages(join(folder, 'train'), { classes: ['disc', 'ring'], perClass: 8 });
  await drawImages(join(folder, 'val'), { classes: ['disc', 'ring'], perClass: 2, first: 7 });
  const out = join(root, 'warned');
  const { status, stdout, stderr } = await graft(['train', folder, ...small, '--out', out, '--json']);
  expect(status).toBe(0);
  const { warnings } = JSON.parse(stdout);
  expect(warnings).toEqual([
    {
      kind: 'validation-in-training',
      message: expect.stringMatching(/^The training set has 2 of 4 validation images, too \(.*val\/disc\/007\.png = /),
    },
  ]);
  expect(JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')).warnings).toEqual(warnings);
  expect(inCommands(warnings[0].message)).toContain(
    `\`graft doctor ${folder} --fix-to <new folder>\` leaves the copies out.`,
  );
  expect(stderr).toContain(`warning    ${inCommands(warnings[0].message)}\n`);
  const strict = await graft(['train', folder, ...small, '--strict', '--out', join(root, 'strict')]);
  expect([strict.status, strict.stderr]).toEqual([
    1,
    expect.stringContaining(`graft: --strict: ${inCommands(warnings[0].message)}`),
  ]);
});

describe('evaluate and predict', () => {
  test('evaluate prints the accuracy that the run has', async () => {
    const [text, json] = await Promise.all([
      graft(['evaluate', run, shapes]),
      graft(['evaluate', run, shapes, '--json']),
    ]);
    const result = JSON.parse(json.stdout);
    const { best } = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8'));
    expect(result).toMatchObject({ accuracy: best.accuracy, part: 'validation', images: 6 });
    expect(text.stdout).toContain(
      `accuracy           ${(100 * best.accuracy).toFixed(1)} %  (${result.correct} correct; 95 %`,
    );
    expect(text.stderr).toContain('text.jpg');
    expect([text.status, json.status]).toEqual([0, 0]);
  });

  test('predict says what it can of good and broken images, and exits 1', async () => {
    const images = [join(shapes, 'disc', '000.png'), join(shapes, 'disc', 'text.jpg')];
    const [text, json] = await Promise.all([
      graft(['predict', run, ...images, '--top', '2']),
      graft(['predict', run, ...images, '--json']),
    ]);
    expect([text.status, json.status]).toEqual([1, 1]);
    expect(text.stdout.split('\n')).toHaveLength(4); // the path, two classes, the end
    expect(text.stdout).not.toContain('text.jpg');
    expect(text.stderr).toContain(`${images[1]}: the content is neither`);
    const [good, broken] = JSON.parse(json.stdout);
    expect(good.classes.map(({ name }: { name: string }) => name).sort()).toEqual(['cross', 'disc', 'square']);
    expect(broken).toEqual({ path: images[1], problem: expect.stringContaining('neither JPEG'), classes: [] });
  });

  test('a run that is not there: exit 1 and a sentence, from every command that takes one', async () => {
    const nowhere = join(root, 'nowhere');
    for (const args of [
      ['evaluate', nowhere, shapes],
      ['predict', nowhere, 'x.png'],
      ['train', '--resume', nowhere],
    ]) {
      const { status, stdout, stderr } = await graft(args);
      expect([status, stdout]).toEqual([1, '']);
      expect(stderr).toContain(`graft: ${nowhere} is not a run: it has no run.json.`);
    }
    const { status, stderr } = await graft(['inspect', nowhere]);
    expect([status, stderr]).toEqual([1, expect.stringContaining('is no run (it has no run.json)')]);
  });
});

describe('inspect and models', () => {
  const inspect = async (...args: string[]) => JSON.parse((await graft(['inspect', ...args, '--json'])).stdout);

  test('counts as torchvision does, and what each strategy trains', async () => {
    const total = 11_689_512;
    const head = 512 * 1000 + 1000;
    expect((await inspect('resnet18')).totals).toMatchObject({ trained: total, frozen: 0 });
    expect((await inspect('resnet18', '--strategy', 'full')).totals).toMatchObject({ trained: total, frozen: 0 });
    const extraction = await inspect('resnet18', '--strategy', 'feature-extraction');
    expect(extraction.totals).toMatchObject({ trained: head, frozen: total - head });
    expect(extraction.parameters.filter(({ state }: { state: string }) => state === 'trained')).toEqual([
      { name: 'fc.weight', shape: [1000, 512], size: 512_000, state: 'trained', rate: 0.001, rates: null },
      { name: 'fc.bias', shape: [1000], size: 1000, state: 'trained', rate: 0.001, rates: null },
    ]);
  });

  test('blocks from input to head: what each gives, and how much of it is trained', async () => {
    const { blocks, totals } = await inspect('resnet18', '--blocks', '--strategy', 'feature-extraction');
    const stages = [1, 2, 3, 4].flatMap((stage) => [`layer${stage}.0`, `layer${stage}.1`]);
    expect(blocks.map(({ block }: { block: string }) => block)).toEqual(['stem', ...stages, 'head']);
    expect(blocks[2]).toEqual({ block: 'layer1.1', output: [1, 64, 56, 56], trained: 0, frozen: 73_984, rates: [] });
    expect(blocks.at(-1)).toEqual({
      block: 'head',
      output: [1, 1000],
      trained: totals.trained,
      frozen: 0,
      rates: [0.001],
    });
  });

  test('a run’s head has the run’s classes', async () => {
    const { model, parameters, totals } = await inspect(run);
    expect(model).toBe('conv4');
    expect(parameters.find(({ name }: { name: string }) => name === 'fc.weight').shape).toEqual([3, 64]);
    const { parameters: counts } = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8'));
    expect(totals.trained).toBe(counts.trained);
    expect((await graft(['inspect', run])).stdout).toMatch(/^fc\.weight +\[3, 64\] +192 +trained +0\.\d+ +\S+ → \S+$/m);
  });

  test('a reader that goes away early ends the command without a word, as SIGPIPE would', async () => {
    const { child, done } = startGraft(['inspect', 'resnet152']);
    child.stdout.destroy();
    const { status, stderr } = await done;
    expect([status, stderr]).toEqual([141, '']);
  });
});
