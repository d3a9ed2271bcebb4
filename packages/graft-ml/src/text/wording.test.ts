import { call, option, placeholder } from '@graft-ml/core/internal/base/code';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seeded } from '../../../../test/arbitrary.ts';
import { inCommands, messageInCommands } from './wording.ts';

const folder = placeholder('folder');

test.each([
  [option('learningRate'), '--learning-rate'],
  [option('strategy', 'full'), '--strategy full'],
  [option('overwrite', true), '--overwrite'],
  [option('mean', [0.5, 0.5, 0.5]), '--mean 0.5,0.5,0.5'],
  [option('model', placeholder('architecture')), '--model ARCHITECTURE'],
  [option('labelRegex', '^(.+)_\\d+\\.jpg$'), "--label-regex '^(.+)_\\d+\\.jpg$'"],
  [call('listModels'), '`graft models`'],
  [call('listModels', ['**'], { pretrained: true }), '`graft models --pretrained`'],
  [call('resumeTraining', ['runs/x'], { from: 'best' }), '`graft train --resume runs/x --from best`'],
  [call('resumeMeta', ['a { b, "c" }']), '`graft meta train --resume \'a { b, "c" }\'`'],
  [call('trainFolder', [folder, placeholder('config')], { out: 'x' }), '`graft train <folder> --out x`'],
  [
    call('trainMeta', [folder, placeholder('run.config')], { out: 'x', overwrite: true }),
    '`graft meta train --config x/run.json --out x --overwrite`',
  ],
  [call('adaptMeta', ['runs/m', folder]), '`graft meta adapt runs/m <folder>`'],
  [call('testMeta', ['runs/m'], { folder }), '`graft meta test runs/m <folder>`'],
  [call('writeMetaReport', ['runs/m'], { folder }), '`graft report runs/m --data <folder>`'],
  [
    call('writeCleanCopy', [placeholder('await diagnose("photos")'), placeholder('target')]),
    '`graft doctor photos --fix-to <new folder>`',
  ],
])('%s is %s', (code, command) => {
  expect(inCommands(`Or ${code}.`)).toBe(`Or ${command}.`);
});

test.each(['`torch.save(x)`', '`npm install --ignore-scripts`', '`graft models`', '"epochs"', '``', 'no code'])(
  '%s stays as it is',
  (text) => expect(inCommands(text)).toBe(text),
);

test('any path comes through: a shell gets it in one piece', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (path) => {
      const [, quoted] = /^`graft train --resume (.*)`$/s.exec(inCommands(call('resumeTraining', [path]))) ?? [];
      const unquoted = quoted!.startsWith("'") ? quoted!.slice(1, -1).replaceAll("'\\''", "'") : quoted;
      expect(unquoted).toBe(path);
    }),
    seeded(300),
  );
});

test('an error of an option begins with its flag', () => {
  const error = new OptionError({ option: 'learningRate', expected: 'a number above 0', received: -1 });
  expect(error.message).toBe('learningRate: expected a number above 0, received -1.');
  expect(messageInCommands(error)).toBe('--learning-rate: expected a number above 0, received -1.');
  expect(messageInCommands(new UserError('Lower `batchSize`.'))).toBe('Lower --batch-size.');
});
