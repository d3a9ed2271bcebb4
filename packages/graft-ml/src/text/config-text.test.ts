import { UserError } from '@graft-ml/core/internal/base/errors';
import { configGroups, parseConfig, trainConfigSchema } from '@graft-ml/core/internal/recipe/config/index';
import { optionsOf } from '@graft-ml/core/internal/recipe/config/options';
import { parseMetaConfig } from '@graft-ml/core/internal/recipe/meta/index';
import { describe, expect, test } from 'vitest';
import { formatConfig, metaTable, parseConfigText } from './config-text.ts';
import { describeAsText } from './wording.ts';

const parse = (text: string) => parseConfigText(text, 'x.yaml');

describe('options in a file', () => {
  test.each([
    ['camel case, at the top', 'learningRate: 1e-3\nbatchSize: 8'],
    ['as the flags are written', 'learning-rate: 0.001\nbatch-size: 8'],
    ['in groups', 'optimisation:\n  learningRate: .001\n  batch-size: 8'],
    ['under the short name', 'lr: 0.001\noptimisation: {batchSize: 8}'],
    ['JSON', '{"learningRate": 0.001, "optimisation": {"batchSize": 8}}'],
    ['JSON with tabs', '{\n\t"learningRate": 1e-3,\n\t"batchSize": 8\n}\n'],
  ])('%s', (_, text) => {
    expect(parse(text)).toEqual({ learningRate: 0.001, batchSize: 8 });
  });

  test('nothing is nothing; comments are comments', () => {
    expect(parse('')).toEqual({});
    expect(parse('# nothing\n')).toEqual({});
  });

  test('a group may have the name of an option in it, and of one outside', () => {
    expect(parse('model: resnet18')).toEqual({ model: 'resnet18' });
    expect(parse('model:\n  model: resnet18\n  imageSize: null')).toEqual({ model: 'resnet18', imageSize: null });
  });

  test('a text is a text, also where it looks like a number or is a list', () => {
    expect(parse('head: 512\nmean: [0.5, 0.50, .25]\nweights: 1e3')).toEqual({
      head: [512],
      mean: [0.5, 0.5, 0.25],
      weights: '1e3',
    });
  });

  test.each([
    ['mean: 0.5,0.5,0.5', 'mean: [0.5, 0.5, 0.5]'],
    ['milestones: 10', 'milestones: [10]'],
    ['fold: 2/5', 'fold: {index: 2, of: 5}'],
    ['freeze: layer1,layer2', 'freeze: [layer1, layer2]'],
    ['rates: head=1e-3,*=0', 'rates: {head: 0.001, "*": 0}'],
    ['rates: [head=1e-3, "*=0"]', 'rates: [[head, 0.001], ["*", 0]]'],
    ['unfreeze: 1:head,4:layer4+layer3', 'unfreeze: [{epoch: 1, train: [head]}, {epoch: 4, train: [layer4, layer3]}]'],
    ['head: [512, relu, dropout=0.3]', 'head: [512, relu, {dropout: 0.3}]'],
    ['augment: [rotate=20, flip]', 'augment: [{kind: rotate, degrees: 20}, {kind: flip, probability: 0.5}]'],
    ['log: csv,tensorboard', 'log: [csv, tensorboard]'],
  ])('as text or as values: %s', (text, values) => {
    expect(parse(text)).toEqual(parse(values));
  });

  test.each([
    ['seed: 1\nlearningRat: 1', 'x.yaml, line 2: "learningRat" is no option. Did you mean "learningRate"?'],
    ['optimisation:\n  batchs: 1', 'x.yaml, line 2: "batchs" is no option.'],
    ['optimisation:\n  seed: 1', 'x.yaml, line 2: seed does not belong under optimisation. Put it at the top.'],
    ['optimizer: adma', 'x.yaml, line 1: optimizer "adma" is not known. Did you mean "adam"?'],
    ['\n\nepochs: many', 'x.yaml, line 3: epochs: expected an integer of at least 1, received "many".'],
    ['epochs: 1.5', 'epochs: expected an integer of at least 1, received 1.5.'],
    ['learningRate: -1', 'learningRate: expected a number above 0, received -1.'],
    ['learningRate: .inf', 'learningRate: expected a number above 0, received Infinity.'],
    ['batchSize:', 'batchSize: expected an integer of at least 1, received null.'],
    ['strict: yes', 'strict: expected true or false, received "yes".'],
    ['epochs: [1, 2]', 'epochs should be integer ≥ 1 | null.'],
    ['head: {a: 1}', 'x.yaml, line 1: head: expected a list of numbers of features'],
    ['head: 512,rleu', 'x.yaml, line 1: head "512,rleu": "rleu" is not understood.'],
    ['fold: 6/5', 'x.yaml, line 1: fold 6/5 is none'],
    ['rates: {head: fast}', 'x.yaml, line 1: rates: expected rates by pattern'],
    ['unfreeze: [[[[[[1]]]]]]', 'x.yaml, line 1: unfreeze should be '],
    ['seed: 1\nseed: 2', 'x.yaml, line 2: Map keys must be unique.'],
    ['seed: 1\nmachine: {seed: 2}', 'x.yaml, line 2: seed stands here twice.'],
    ['lr: 1\nlearning-rate: 2', 'x.yaml, line 2: learningRate stands here twice.'],
    ['- seed', 'x.yaml holds no options.'],
    ['"seed"', 'x.yaml holds no options.'],
    ['seed: 1\n---\nseed: 2', 'x.yaml, line 2: Source contains multiple documents'],
    ['seed: "1', 'x.yaml, line 1: Missing closing "quote.'],
    ['{"seed": 1', 'x.yaml, line 1: '],
    ['? [a]\n: 1', '"" is no option.'],
  ])('%j is refused', (text, message) => {
    expect(() => parse(text)).toThrow(UserError);
    expect(() => parse(text)).toThrow(message);
  });
});

describe('a hostile file', () => {
  const bomb = [
    'a: &a [x, x, x, x, x, x, x, x, x]',
    ...[...'bcdefghi'].map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[i]}`)}]`),
  ];

  test.each([
    ['references to references', bomb.join('\n')],
    ['a reference', 'seed: &s 1\nepochs: *s'],
    ['a merge', 'model: &m {seed: 1}\n<<: *m'],
    ['a tag', 'seed: !!int 1'],
    ['a tag of code', 'model: !!js/function "function () { process.exit() }"'],
    ['an unfinished nest', '['.repeat(60_000)],
    ['nested maps', '{a: '.repeat(30_000)],
    ['anchors', '&a '.repeat(60_000)],
    ['quotes', '"'.repeat(199_999)],
    ['too much', `# ${'x'.repeat(200_000)}`],
    ['another prototype', '__proto__: {seed: 1}'],
    ['what every object has', 'constructor: 1'],
    ['a file of bytes', String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i))],
  ])('%s', (_, text) => {
    expect(() => parse(text)).toThrow(UserError);
  });
});

describe('printed', () => {
  test('and read again it is the same: the defaults, and others', () => {
    const defaults = trainConfigSchema.parse({});
    expect(parse(formatConfig(defaults))).toEqual(defaults);
    const other = parseConfig({
      model: 'conv4',
      head: [512, 'relu', { dropout: 0.3 }],
      freeze: ['layer1', 'a,b'],
      rates: { layer4: 1e-4, '*': 1e-5 },
      unfreeze: null,
      weights: 'a: #b "c" \\ é',
      mean: [0.5, 0.5, 0.5],
      learningRate: 3e-7,
      optimizer: 'sgd',
      nesterov: true,
      seed: 2 ** 40,
    });
    expect(parse(formatConfig(other))).toEqual(other);
    expect(parse(JSON.stringify(other))).toEqual(other);
  });

  test('has every option once, under its group, with what it means and what it may be', () => {
    const text = formatConfig(trainConfigSchema.parse({}));
    for (const { key, allowed, description, type } of optionsOf(trainConfigSchema)) {
      expect(text.match(new RegExp(`^  ${key}: `, 'gm')), key).toHaveLength(1);
      const words = text.replaceAll(/\s+# /g, ' ').replaceAll(/\s+/g, ' ');
      const may = type === 'structured' ? (allowed.endsWith('null') ? 'text | null' : 'text') : allowed;
      expect(words, key).toContain(`${describeAsText(key, description)} [${may}]`.replaceAll(/\s+/g, ' '));
    }
    expect(text.match(/^\w+:$/gm)).toEqual(Object.keys(configGroups).map((name) => `${name}:`));
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });
});

test('a file of options and back', () => {
  const config = parseMetaConfig({ learner: 'boil', way: 20, shots: 1, rotations: 'train', innerRate: 0.3 });
  const text = formatConfig(config, metaTable);
  expect(text).toContain('episodes:\n  # classes of an episode\n  # [integer ≥ 2, ≤ 1000] default: 5\n  way: 20\n');
  expect(parseConfigText(text, 'x.yaml', metaTable)).toEqual(config);
  expect(() => parseConfigText('epochs: 3', 'x.yaml', metaTable)).toThrow(
    'x.yaml, line 1: "epochs" is no option. `graft meta config` shows them all.',
  );
});
