import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Tensors } from '@graft-ml/core/internal/base/tensor';
import type { ExportSource } from '@graft-ml/core/internal/export/index';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import { readOnnxMetadata } from '@graft-ml/core/internal/graph/onnx-metadata';
import { withHead } from '@graft-ml/core/internal/models/head';
import { initialise } from '@graft-ml/core/nn';
import { readSafetensors } from '@graft-ml/core/weights';
import { afterAll, describe, expect, test } from 'vitest';
import { ownCache, temporaryFolder } from '../../../../test/images.ts';
import { narrowSource, pixelsOf } from '../../../../test/narrow-exports.ts';
import { Classifier } from '../evaluate/classifier.ts';
import { createSession, loadOrt } from '../runtime/index.ts';
import { type ExportOptions, exportClassifier } from './index.ts';

ownCache();
const root = temporaryFolder();
const hostile = ['plain', '"quoted" \\ name', 'two\nlines\tand\u0001more', 'naïve 猫 🐈', '__proto__', "it's", ''];
const open: Classifier[] = [];

/** A narrow network under the name of a model of the zoo, with names that files may not take well. */
function classifierOf(narrow: string, name: string, change: Partial<ExportSource> = {}): Classifier {
  const { variables, ...source } = { ...narrowSource(narrow), ...change };
  const classes = source.classes.map((each, i) => hostile[i] ?? each);
  const model = { ...source.model, name };
  const classifier = new Classifier({ ...source, model, weights: variables, classes }, { threads: 1 });
  open.push(classifier);
  return classifier;
}
afterAll(() => Promise.all(open.map((classifier) => classifier.close())));

async function exported(classifier: Classifier, name: string, options: ExportOptions) {
  const out = join(root, name);
  const result = await exportClassifier(classifier, out, options);
  const read = (path: string) => readFileSync(join(out, path));
  return { ...result, out, read, json: (path: string) => JSON.parse(read(path).toString()) };
}

const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();

/** The classifier's own answer for images, and the same images as Hugging Face's processors give them. */
async function reference(classifier: Classifier, count: number) {
  const { crop, mean, std } = classifier.preprocessing;
  const pixels = pixelsOf(count, crop);
  const channel = (i: number) => Math.trunc(i / crop ** 2) % 3;
  const values = Float32Array.from(pixels, (p, i) => (p / 255 - mean[channel(i)]!) / std[channel(i)]!);
  const feed = new (loadOrt().Tensor)('float32', values, [count, 3, crop, crop]);
  return { probabilities: await classifier.probabilities(pixels, count), pixels, feed };
}

function softmax(logits: readonly number[]): number[] {
  const exponentials = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
  return exponentials.map((each) => each / exponentials.reduce((a, b) => a + b));
}

function expectClose(values: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(values.length).toBe(expected.length);
  for (const [i, value] of Array.from(values).entries()) expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-5);
}

describe('hf', () => {
  test.each([
    ['a network of the zoo', {}],
    ['a deeper head', { head: true }],
  ])(
    '%s gives the logits of the run, from what image processors give',
    async (name, { head = false }: { head?: boolean }) => {
      const classifier = head ? withDeeperHead('resnet_basic', 'resnet18') : classifierOf('resnet_basic', 'resnet18');
      const { out, read, json, usage } = await exported(classifier, `hf ${name}`, { format: 'hf' });
      expect(filesIn(out)).toEqual(['config.json', 'onnx/model.onnx', 'preprocessor_config.json']);
      const { probabilities, feed } = await reference(classifier, 1);
      const session = await createSession(read('onnx/model.onnx'));
      expect([session.inputNames, session.outputNames]).toEqual([['pixel_values'], ['logits']]);
      const { logits } = await session.run({ pixel_values: feed });
      await session.release();
      expectClose(softmax([...(logits!.data as Float32Array)]), probabilities);
      const { id2label, label2id } = json('config.json');
      expect(Object.values(id2label)).toEqual(classifier.classes);
      expect(
        Object.entries(label2id)
          .toSorted(([, a], [, b]) => Number(a) - Number(b))
          .map(([label]) => label),
      ).toEqual(classifier.classes);
      expect(usage).toEqual([`const classify = await pipeline('image-classification', ${JSON.stringify(out)});`]);
    },
  );

  test('the image processor is told what the run does', async () => {
    const { preprocessing } = narrowSource('resnet_basic');
    const squashed = classifierOf('resnet_basic', 'resnet18', { preprocessing: { ...preprocessing, squash: true } });
    const plain = await exported(classifierOf('resnet_basic', 'resnet18'), 'hf plain', { format: 'hf' });
    const { crop, resize } = preprocessing;
    expect(plain.json('preprocessor_config.json')).toMatchObject({
      image_processor_type: 'BitImageProcessor',
      do_resize: true,
      size: { shortest_edge: resize },
      resample: 3,
      crop_size: { height: crop, width: crop },
      do_rescale: true,
      image_mean: [0.4, 0.5, 0.6],
      image_std: [0.2, 0.25, 0.3],
    });
    expect(plain.notes).toEqual([
      expect.stringContaining('without antialiasing'),
      expect.stringContaining('not bicubically'),
    ]);
    const { json } = await exported(squashed, 'hf squashed', { format: 'hf' });
    expect(json('preprocessor_config.json').size).toEqual({ height: resize, width: resize });
  });

  test('with the preprocessing inside it is told to do nothing, and the graph takes any size', async () => {
    const classifier = classifierOf('resnet_basic', 'resnet18');
    const { json, input, difference, notes } = await exported(classifier, 'hf inside', {
      format: 'hf',
      preprocessing: 'inside',
    });
    const config = json('preprocessor_config.json');
    const steps = ['do_resize', 'do_center_crop', 'do_rescale', 'do_normalize'];
    expect(steps.map((step) => config[step])).toEqual([false, false, false, false]);
    expect([input!.slice(0, 2), input!.slice(2).map((size) => typeof size)]).toEqual([
      [1, 3],
      ['string', 'string'],
    ]);
    expect(difference).toBeLessThan(1e-3);
    expect(notes).toEqual([]);
  });
});

describe('several number formats', () => {
  test('are files beside each other in hf, and the first is the one that readers take', async () => {
    const classifier = classifierOf('resnet_basic', 'resnet18');
    const { crop } = classifier.preprocessing;
    const images = [{ width: crop, height: crop, data: pixelsOf(1, crop) }];
    const options = { format: 'hf', dtype: ['fp16', 'fp32', 'int8', 'fp16'], calibration: { images } } as const;
    const { out, read, json, networks, dtypes, difference, usage } = await exported(classifier, 'hf several', options);
    const names = ['config.json', 'onnx/model.onnx', 'onnx/model_fp16.onnx', 'onnx/model_quantized.onnx'];
    expect(filesIn(out)).toEqual([...names, 'preprocessor_config.json']);
    expect(dtypes).toEqual(['fp16', 'fp32', 'int8']);
    expect(networks.map(({ path, dtype }) => [relative(out, path), dtype])).toEqual([
      ['onnx/model_fp16.onnx', 'fp16'],
      ['onnx/model.onnx', 'fp32'],
      ['onnx/model_quantized.onnx', 'int8'],
    ]);
    expect(difference).toBe(Math.max(...networks.map((network) => network.difference)));
    expect(networks[1]!.difference).toBeLessThan(1e-5);
    expect(json('config.json')['transformers.js_config']).toEqual({ dtype: 'fp16' });
    expect(usage).toEqual([
      `const classify = await pipeline('image-classification', ${JSON.stringify(out)}, { dtype: 'fp16' }); // or 'fp32', 'q8'`,
    ]);
    for (const { path, dtype, bytes } of networks) {
      const model = read(relative(out, path));
      expect([readOnnxMetadata(model).dtype, bytes]).toEqual([dtype, model.length]);
    }
  });

  test.each(['onnx', 'triton'] as const)('are too many for %s', async (format) => {
    const classifier = classifierOf('resnet_basic', 'resnet18');
    await expect(exported(classifier, `two ${format}`, { format, dtype: ['fp32', 'fp16'] })).rejects.toThrow(
      `dtype fp32, fp16: an export for ${format} has one dtype. Export them one by one, or all of them with \`format: "hf"\`.`,
    );
  });
});

/** A narrow network with a head of two layers, and numbers for it. */
function withDeeperHead(narrow: string, name: string): Classifier {
  const source = narrowSource(narrow);
  const model = withHead(source.model, [5, 'relu']);
  const variables = variablesOf(imageNetwork(model, source.preprocessing, source.classes.length));
  const fresh = initialise(
    [...variables.values()].filter((each) => !(each.name in source.variables)),
    1,
  );
  const own = Object.entries({ ...source.variables, ...fresh }).filter(([key]) => variables.has(key));
  return classifierOf(narrow, name, { model, variables: Object.fromEntries(own) as Tensors });
}

test('timm’s folder has its names, and the temperature in the last layer', async () => {
  const classifier = classifierOf('resnet_basic', 'resnet18');
  const { out, read, json, difference, usage } = await exported(classifier, 'timm', { format: 'timm' });
  expect([filesIn(out), difference]).toEqual([['config.json', 'model.safetensors'], null]);
  expect(usage).toEqual([`model = timm.create_model("local-dir:${out}", pretrained=True)`]);
  const { crop, resize } = classifier.preprocessing;
  const { pretrained_cfg: given, ...config } = json('config.json');
  expect(config).toMatchObject({
    architecture: 'resnet18',
    num_classes: classifier.classes.length,
    global_pool: 'avg',
  });
  expect(config.label_names).toEqual(classifier.classes);
  expect(given).toMatchObject({ input_size: [3, crop, crop], interpolation: 'bicubic', crop_mode: 'center' });
  expect(Math.floor(crop / given.crop_pct)).toBe(resize);
  const { tensors, metadata } = readSafetensors(read('model.safetensors'));
  expect(metadata).toEqual({ format: 'pt' });
  const parts = { model: classifier.model, weights: tensors, classes: classifier.classes };
  await using reread = new Classifier({ ...parts, preprocessing: classifier.preprocessing }, { threads: 1 });
  expect(reread.temperature).toBe(1);
  const { pixels, probabilities } = await reference(classifier, 2);
  expectClose(await reread.probabilities(pixels, 2), probabilities);
});

test.each([
  [
    'squeezenet1_1',
    'squeezenet1_1',
    'timm has no squeezenet1_1, so that it would not open this network. Use `format: "hf"`',
  ],
  ['vgg', 'vgg11', undefined],
])('%s for timm', async (narrow, name, message) => {
  const classifier = classifierOf(narrow, name);
  const wait = exported(classifier, `timm ${name}`, { format: 'timm' });
  if (message === undefined) expect((await wait).json('config.json').architecture).toBe(name);
  else await expect(wait).rejects.toThrow(message);
});

test('timm has no heads of several layers', async () => {
  const wait = exported(withDeeperHead('resnet_basic', 'resnet18'), 'timm deeper', { format: 'timm' });
  await expect(wait).rejects.toThrow("timm's resnet18 has a head of one layer, this run's has more");
});

test('safetensors are PyTorch’s, with the lines that make the network', async () => {
  const classifier = withDeeperHead('vgg', 'vgg11');
  const file = join(root, 'weights.safetensors');
  const { usage, notes } = await exportClassifier(classifier, file, { format: 'safetensors' });
  const count = classifier.classes.length;
  expect([usage, notes]).toEqual([
    [
      `model = torchvision.models.vgg11(num_classes=${count})`,
      `model.classifier[6] = torch.nn.Sequential(torch.nn.Linear(8, 5), torch.nn.ReLU(), torch.nn.Linear(5, ${count}))`,
      `model.load_state_dict(safetensors.torch.load_file(${JSON.stringify(file)}))`,
    ],
    [],
  ]);
  const { tensors, metadata } = readSafetensors(readFileSync(file));
  expect(metadata).toMatchObject({ format: 'pt', model: 'vgg11', head: '5,relu' });
  expect(JSON.parse(metadata.classes!)).toEqual(classifier.classes);
  const { model, classes, preprocessing } = classifier;
  await using reread = new Classifier({ model, weights: tensors, classes, preprocessing }, { threads: 1 });
  const { pixels, probabilities } = await reference(classifier, 1);
  expectClose(await reread.probabilities(pixels, 1), probabilities);
});

test.each([
  ['conv4', 'conv4', "Graft's names"],
  ['vgg', 'vgg11.onnx', 'the names of the file'],
])('%s as %s keeps its names in safetensors', async (narrow, name, names) => {
  const classifier = classifierOf(narrow, name);
  const out = join(root, `${name}.safetensors`);
  const { usage, notes } = await exportClassifier(classifier, out, { format: 'safetensors' });
  expect(usage).toEqual([`tensors = safetensors.torch.load_file(${JSON.stringify(out)})`]);
  expect(notes).toEqual([`torchvision has no ${name}: the parameters have ${names}.`]);
  expect(Object.keys(readSafetensors(readFileSync(out)).tensors).sort()).toEqual(
    Object.keys(classifier.variables).sort(),
  );
});

test('Triton’s repository has configuration, labels and model', async () => {
  const classifier = classifierOf('resnet_basic', 'resnet18');
  const { out, read, notes } = await exported(classifier, 'triton', { format: 'triton' });
  expect(filesIn(out)).toEqual(['resnet18/1/model.onnx', 'resnet18/config.pbtxt', 'resnet18/labels.txt']);
  const labels = read('resnet18/labels.txt').toString().split('\n');
  expect(labels).toEqual([...classifier.classes.map((label) => label.replace('\n', ' ')), '']);
  expect(notes).toEqual([expect.stringContaining('makes no batches'), expect.stringContaining('line breaks')]);
  const config = read('resnet18/config.pbtxt').toString();
  expect(config).toContain('name: "pixels"\n  data_type: TYPE_UINT8\n');
  expect(config).toContain('name: "probabilities"\n  data_type: TYPE_FP32\n');
  expect(stringValue(config, 'classes')).toEqual(classifier.classes);
  expect(stringValue(config, 'preprocessing')).toEqual({ ...classifier.preprocessing });
});

test.each(['fp32', 'fp16', 'int8'] as const)('Triton makes batches of a model in %s that takes any', async (dtype) => {
  const classifier = classifierOf('resnet_basic', 'resnet18');
  const { crop } = classifier.preprocessing;
  const calibration = { images: [{ width: crop, height: crop, data: pixelsOf(1, crop) }] };
  const options = { format: 'triton', dtype, batchSize: 'any', calibration } as const;
  const { read, notes } = await exported(classifier, `triton ${dtype}`, options);
  expect(notes).toEqual([expect.stringContaining('line breaks')]);
  const config = read('resnet18/config.pbtxt').toString();
  expect(config).toContain(
    '\nmax_batch_size: 32\ndynamic_batching {}\ninstance_group {\n  count: 1\n  kind: KIND_AUTO\n}\n',
  );
  expect(config).toContain(`input {\n  name: "pixels"\n  data_type: TYPE_UINT8\n  dims: [3, ${crop}, ${crop}]\n}`);
  const dims = `  data_type: TYPE_FP32\n  dims: [${classifier.classes.length}]\n  label_filename: "labels.txt"\n}`;
  for (const name of ['logits', 'probabilities']) expect(config).toContain(`output {\n  name: "${name}"\n${dims}`);
  const { pixels, probabilities } = await reference(classifier, 5);
  const session = await createSession(read('resnet18/1/model.onnx'));
  const feed = new (loadOrt().Tensor)('uint8', pixels, [5, 3, crop, crop]);
  const given = (await session.run({ pixels: feed })).probabilities!;
  await session.release();
  expect([given.type, given.dims]).toEqual(['float32', [5, classifier.classes.length]]);
  const largest = Math.max(...probabilities.map((p, i) => Math.abs(p - Number(given.data[i]))));
  expect(largest).toBeLessThan({ fp32: 1e-5, fp16: 0.01, int8: 0.3 }[dtype]);
});

test.each<[ExportOptions, string]>([
  [{ format: 'timm', dtype: 'int8' }, 'dtype int8: timm has fp32 only. Formats with int8: onnx, hf, triton.'],
  [
    { format: 'safetensors', preprocessing: 'inside' },
    'preprocessing inside: safetensors has outside only. Formats with inside: onnx, hf, triton.',
  ],
  [{ format: 'timm', seen: true }, 'seen: timm has weights alone, which do not say what they were trained on'],
])('%j is refused, and what there is is said', async (options, message) => {
  await expect(exported(classifierOf('resnet_basic', 'resnet18'), 'refused', options)).rejects.toThrow(message);
});

test('a model of one size is not batched by Triton, and the note says how it would be', async () => {
  const { read, notes } = await exported(classifierOf('resnet_basic', 'resnet18'), 'triton two', {
    format: 'triton',
    batchSize: 2,
  });
  expect(read('resnet18/config.pbtxt').toString()).toMatch(/max_batch_size: 0\ninstance_group[\s\S]*dims: \[2, 3, /);
  expect(notes[0]).toBe(
    'Triton makes no batches of requests, since the model has a batch size of 2. With `batchSize: "any"` it does.',
  );
});

/** A parameter's value in protobuf's text format, which is JSON here: the escapes are undone one by one. */
function stringValue(config: string, key: string): unknown {
  const literal = new RegExp(`key: "${key}"\n {2}value \\{ string_value: "((?:[^"\\\\\\n]|\\\\.)*)" \\}`).exec(
    config,
  )![1]!;
  return JSON.parse(
    literal.replace(
      /\\(["\\])|\\([0-7]{3})/g,
      (_, same, octal) => same ?? String.fromCharCode(Number.parseInt(octal, 8)),
    ),
  );
}
