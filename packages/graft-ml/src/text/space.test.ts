import { optionsOf } from '@graft-ml/core/internal/recipe/config/options';
import { trainConfigSchema } from '@graft-ml/core/internal/recipe/config/train-config';
import { expect, test } from 'vitest';
import { formatDistribution, parseSpaceOption } from './space.ts';

const options = new Map(optionsOf(trainConfigSchema).map((option) => [option.key, option]));
const parse = (key: string, text: string) => parseSpaceOption(options.get(key)!, text);

test.each([
  ['learningRate', '1e-4..1e-2:log', { kind: 'float', low: 1e-4, high: 1e-2, log: true }],
  ['labelSmoothing', '0..0.2:step=0.1', { kind: 'float', low: 0, high: 0.2, step: 0.1 }],
  ['batchSize', '8..64:log', { kind: 'int', low: 8, high: 64, log: true }],
  ['batchSize', '8,16', { kind: 'categorical', choices: [8, 16] }],
  ['optimizer', 'sgd,adamw', { kind: 'categorical', choices: ['sgd', 'adamw'] }],
  ['nesterov', 'true,false', { kind: 'categorical', choices: [true, false] }],
  ['model', 'resnet18, mobilenet_v2', { kind: 'categorical', choices: ['resnet18', 'mobilenet_v2'] }],
  ['augment', 'none,light,strong', { kind: 'categorical', choices: ['none', 'light', 'strong'] }],
  [
    'augment',
    'none|crop=0.5,vflip',
    {
      kind: 'categorical',
      choices: [
        'none',
        [
          { kind: 'crop', scale: [0.5, 1] },
          { kind: 'vflip', probability: 0.5 },
        ],
      ],
    },
  ],
  ['head', 'null|16,relu', { kind: 'categorical', choices: [null, [16, 'relu']] }],
])('%s=%s', (key, text, expected) => {
  const read = parse(key, text);
  expect(read).toEqual({ distribution: expected });
  if (!('distribution' in read)) return;
  expect(parse(key, formatDistribution(key, read.distribution))).toEqual(read);
});

test.each([
  ['learningRate', '0.01', 0.01],
  ['milestones', '10,20', [10, 20]],
  ['weights', '../a.pth', '../a.pth'],
  ['optimizer', 'adamw', 'adamw'],
  ['learningRate', 'null', null],
])('%s=%s is one value', (key, text, value) => {
  expect(parse(key, text)).toEqual({ value });
});

test.each([
  ['learningRate', '1e-4..'],
  ['learningRate', '1..2..3'],
  ['learningRate', '1..2:logarithmic'],
  ['learningRate', '1..2:step='],
  ['learningRate', 'x'],
  ['nesterov', 'yes'],
  ['augment', 'none|blurr'],
])('%s=%s is no values', (key, text) => {
  expect(() => parse(key, text)).toThrow(new RegExp(`^${key}`));
});
