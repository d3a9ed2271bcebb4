import { version } from '@graft-ml/core/internal/base/version';
import { describe, expect, test } from 'vitest';
import { graft } from '../../../../test/graft.ts';
import { commands } from './commands/index.ts';

describe('help', () => {
  test('of every command shows its examples and every option', async () => {
    const outcomes = await Promise.all(commands.map(({ name }) => graft([...name.split(' '), '--help'])));
    for (const [i, { status, stdout, stderr }] of outcomes.entries()) {
      expect([status, stderr]).toEqual([0, '']);
      for (const example of (await commands[i]!.load()).examples) expect(stdout).toContain(`$ ${example}`);
      expect(stdout).toContain('--json');
    }
    expect(outcomes[0]!.stdout).toContain('--learning-rate <number>');
  });

  test('of graft lists the commands; --version is the package’s', async () => {
    const [help, number] = await Promise.all([graft(['--help']), graft(['--version'])]);
    for (const { name } of commands) expect(help.stdout).toContain(`  ${name.split(' ')[0]} `);
    expect(number.stdout).toBe(`${version}\n`);
  });
});

describe('used wrongly', () => {
  test.each([
    [['trian', 'x'], 'Did you mean train?'],
    [['train', 'x', '--epoch', '3'], 'Did you mean --epochs?'],
    [['train', 'x', '--model', 'resnet81'], 'Did you mean "resnet18"?'],
    [['train', 'x', '--optimizer', 'adma'], '--optimizer "adma" is not known. Did you mean "adam"?'],
    [['train', 'x', '--strategy', 'ful'], 'Did you mean "full"?'],
    [['train', 'x', '--learning-rate', 'fast'], '--learning-rate: "fast" is not a number.'],
    [
      ['train', 'x', '--augment', 'light,rotat=5'],
      '--augment "light,rotat=5": "rotat=5" is not known. Did you mean "rotate"?',
    ],
    [['train'], 'which folder?'],
    [['train', 'x', '--resume', 'r'], 'leave it out'],
    [['train', '--resume', 'r', '--epochs', '9', '--no-flip'], 'unknown option'],
    [['train', '--resume', 'r', '--seed', '9'], "--resume keeps the run's own options; leave out --seed."],
    [['train', 'x', '--data', 'y'], '--data goes with --resume <run>'],
    [['train', 'x', 'epoch=3'], '"epoch" is no option. Did you mean "epochs"? '],
    [['train', 'x', 'a/b', 'c=d'], 'A file or folder is meant? Write ./c=d'],
    [['train', 'x', 'y', 'seed=1'], 'train: too many arguments: y'],
    [['train', 'x', 'epochs=many'], '--epochs: "many" is not a number.'],
    [['train', 'x', 'epochs=3', '--epochs', '4'], 'epochs is given twice.'],
    [['train', 'x', 'lr=1', 'learning-rate=2'], 'learningRate is given twice.'],
    [['train', 'x', 'strict=yes'], '--strict is "yes", expected true | false.'],
    [['train', 'x', '--epochs', '-3'], '--epochs is -3, expected an integer ≥ 1'],
    [['train', 'x', '--lr', '-1'], '--learning-rate is -1, expected a number > 0'],
    [['train', 'x', '--lr', '1', '--learning-rate', '2'], 'learningRate is given twice.'],
    [['train', 'x', '--bs', '1', 'batch=2'], 'batchSize is given twice.'],
    [['help', 'nosuch'], 'help: there is no command "nosuch". Expected one of: train, '],
    [['help', 'trian'], 'Did you mean "train"?'],
    [['help', 'data', 'nosuch'], 'help: there is no command "data nosuch". Expected one of: get, list.'],
    [
      ['predict', '--model', 'X.th', 'x.png'],
      'Pass --model ARCHITECTURE --weights X.th. Of a network that Graft does not',
    ],
    [['predict', '--model', 'resnet81', 'x.png'], 'Near it are also: '],
    [['train', '--resume', 'r', 'lr=9'], "--resume keeps the run's own options; leave out --learning-rate."],
    [['config', 'x'], 'config: too many arguments: x'],
    [['evaluate', 'r'], "missing required argument 'folder'"],
    [['evaluate', 'r', 'x', 'more'], 'too many arguments'],
    [['evaluate', 'r', 'x', '--part', 'validaton'], 'Did you mean "validation"?'],
    [['predict', 'r'], 'at least one image'],
    [['predict', '--model', 'conv4', 'x.png'], '--model needs --weights'],
    [['inspect', 'conv4', '--strategy', 'all'], '--strategy "all" is not known.'],
  ])('%j: exit 2, a hint on stderr, nothing on stdout', async (args, hint) => {
    const { status, stdout, stderr } = await graft(args);
    expect(stderr).toContain(hint);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).not.toContain('    at ');
  });
});
