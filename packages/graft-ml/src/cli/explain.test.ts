import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { linear } from '@graft-ml/core/nn';
import { reshape } from '@graft-ml/core/ops';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { graft } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { openRun } from '../evaluate/open-run.ts';
import { explain } from '../explain/explain.ts';
import { loadModel } from '../transfer/load-model.ts';
import { createModel } from '../transfer/model.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const run = join(root, 'run');

beforeAll(async () => {
  await drawImages(shapes, { perClass: 6 });
  const flags = ['--model', 'conv4', '--epochs', '2', '--threads', '1', '--out', run];
  expect((await graft(['train', shapes, ...flags])).status).toBe(0);
});

describe('graft explain', () => {
  test('writes an overlay of every image beside it, and says which class it is of', async () => {
    const out = join(root, 'overlays');
    const { status, stdout, stderr } = await graft(['explain', run, join(shapes, 'disc'), '--out', out, '--json']);
    expect([status, stderr]).toEqual([0, expect.stringContaining('explaining (6)')]);
    const files = Array.from({ length: 6 }, (_, i) => `${i + 1}-00${i}.gradcam.png`);
    expect(readdirSync(out).sort()).toEqual(files);
    const shown = JSON.parse(stdout);
    expect(shown.map(({ file }: { file: string }) => file)).toEqual(files.map((file) => join(out, file)));
    expect(shown[0]).toMatchObject({ path: join(shapes, 'disc', '000.png'), method: 'gradcam', endpoint: 'layer3' });
    // 28 pixels eight times as large, twice, with a gap.
    expect(await sharp(join(out, files[0]!)).metadata()).toMatchObject({ format: 'png', width: 456, height: 224 });
  });

  test('a network without a map of the image: occlusion unless another method is named, and why not Grad-CAM', async () => {
    const model = createModel((s, x) => linear(s.at('out'), reshape(x, [x.shape[0]!, 3 * 28 * 28]), { features: 2 }), {
      input: { dtype: 'f32', shape: [3, 28, 28] },
    });
    const file = join(root, 'linear.onnx');
    await model.export(file);
    const out = join(root, 'of-linear');
    const args = ['explain', '--model', file, join(shapes, 'disc', '000.png'), '--out', out];
    const found = await graft([...args, '--json']);
    expect(JSON.parse(found.stdout)).toMatchObject([{ method: 'occlusion', endpoint: null }]);
    expect(readdirSync(out)).toEqual(['1-000.occlusion.png']);
    const refused = await graft([...args, '--method', 'gradcam', '--overwrite']);
    expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining('--method occlusion needs none')]);
  });

  test('does not replace files unless it is told to', async () => {
    const out = join(root, 'twice');
    const args = ['explain', run, join(shapes, 'disc', '000.png'), '--out', out, '--method', 'occlusion'];
    expect((await graft(args)).status).toBe(0);
    const file = join(out, '1-000.occlusion.png');
    writeFileSync(file, 'mine');
    const again = await graft(args);
    expect([again.status, again.stderr]).toEqual([
      1,
      `graft: ${file} is there already. Pass --overwrite to replace it, or another --out.\n`,
    ]);
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect((await graft([...args, '--overwrite'])).status).toBe(0);
    expect((await sharp(file).metadata()).format).toBe('png');
  });

  test('names from outside lead nowhere else, and a link in the folder is not followed', async () => {
    const hostile = join(root, 'hostile');
    mkdirSync(hostile);
    const image = readFileSync(join(shapes, 'disc', '000.png'));
    const names = ['..\\..\\up\u001b[31m.png', '...png', `${'é'.repeat(120)}.png`, 'a b;rm -rf $HOME.png'];
    for (const name of names) writeFileSync(join(hostile, name), image);
    writeFileSync(join(hostile, 'text.png'), 'this is a text');
    const out = join(root, 'safe');
    mkdirSync(out);
    writeFileSync(join(root, 'victim'), 'mine');
    symlinkSync(join(root, 'victim'), join(out, '1-image.gradcam.png'));
    const paths = ['...png', ...names.filter((name) => name !== '...png'), 'text.png'].map((name) =>
      join(hostile, name),
    );
    const { status, stdout, stderr } = await graft(['explain', run, ...paths, '--out', out, '--overwrite']);
    expect([status, stderr.includes('\u001b'), stdout.includes('\u001b')]).toEqual([1, false, false]);
    expect(stderr).toContain('text.png: the content is neither JPEG');
    expect(readFileSync(join(root, 'victim'), 'utf8')).toBe('mine');
    expect(readdirSync(out).sort()).toEqual([
      '1-image.gradcam.png',
      '2-_.._up_31m.gradcam.png',
      `3-${'é'.repeat(60)}.gradcam.png`,
      '4-a_b_rm_-rf_HOME.gradcam.png',
    ]);
  });

  const refused = [
    [['--class', 'dics'], 2, '--class "dics" is not known. Did you mean "disc"?'],
    [['--endpoint', 'layer9'], 2, '--endpoint "layer9" is not known. Did you mean "layer1"?'],
    [
      ['--method', 'gradcam', '--steps', '5'],
      2,
      '--steps: gradcam has no such option; it is for integrated-gradients.',
    ],
    [['--method', 'grandcam'], 2, 'Did you mean "gradcam"?'],
  ] as const;
  test.each(refused)('%j', async (flags, status, message) => {
    const result = await graft([
      'explain',
      run,
      join(shapes, 'disc', '001.png'),
      '--out',
      join(root, 'none'),
      ...flags,
    ]);
    expect(result.stderr).toContain(message);
    expect([result.status, result.stdout]).toEqual([status, '']);
  });
});

test('a model, a classifier and bytes are explained alike', async () => {
  await using classifier = await openRun(run);
  await using model = await loadModel(run);
  const path = join(shapes, 'square', '002.png');
  const maps: Float32Array[] = [];
  for (const [from, image] of [
    [classifier, path],
    [model, path],
    [classifier, readFileSync(path)],
  ] as const) {
    for await (const one of explain(from, [image], { method: 'integrated-gradients', steps: 8, class: 'square' })) {
      if (one.problem) throw new Error(one.problem.message);
      expect(one.explained.name).toBe('square');
      maps.push(one.raw.data);
    }
  }
  const largest = Math.max(...maps[0]!.map(Math.abs));
  expect(largest).toBeGreaterThan(1e-4);
  for (const map of maps) {
    expect(Math.max(...map.map((value, i) => Math.abs(value - maps[0]![i]!)))).toBeLessThan(1e-4 * largest);
  }
});
