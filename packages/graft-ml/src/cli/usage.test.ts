import { version } from '@graft-ml/core/internal/base/version';
import { describe, expect, test } from 'vitest';
import { graft } from '../../../../test/graft.ts';
import { commands } from './commands/index.ts';
import { flagsOf } from './flags.ts';

/** A line of help about a flag. */
const lineOf = (syntax: string) => new RegExp(`^ {2}${syntax}( |$)`, 'm');

describe('help', () => {
  test.each(commands.map((command) => [command.name, command] as const))(
    'of graft %s shows every option and example, with `all` where it begins with a few',
    async (name, command) => {
      const { options, examples, basic, groups = {} } = await command.load();
      const flags = flagsOf(options).map(({ syntax }) => syntax);
      const [few, all] = await Promise.all([
        graft([...name.split(' '), '--help']),
        graft([...name.split(' '), '--help', 'all']),
      ]);
      for (const { status, stderr, stdout } of [few, all]) {
        expect([status, stderr]).toEqual([0, '']);
        expect(stdout).toContain(`$ ${examples[0]}`);
        expect(stdout).toContain('--json');
        for (const line of stdout.split('\n'))
          if (!/ {2}\$ |--learners|maml,/.test(line)) expect(line.length).toBeLessThanOrEqual(80);
      }
      for (const example of examples) expect(all.stdout).toContain(`$ ${example}`);
      for (const syntax of flags) expect(all.stdout).toMatch(lineOf(syntax));
      const left = basic === undefined ? [] : flagsOf(options).filter(({ key }) => !(key in basic));
      for (const { syntax } of left) expect(few.stdout).not.toMatch(lineOf(syntax));
      expect(flags.filter((syntax) => lineOf(syntax).test(few.stdout))).toHaveLength(flags.length - left.length);
      if (basic === undefined) expect(few.stdout).toBe(all.stdout);
      else expect(few.stdout).toContain(`graft ${name} --help all`);
      const headings = Object.keys(groups).map((group) => `\n${group[0]!.toUpperCase()}${group.slice(1)}:\n`);
      expect(headings.filter((heading) => !all.stdout.includes(heading))).toEqual([]);
    },
  );

  test('of a group shows the options of that group alone; of what is none, the first', async () => {
    const [data, few, other] = await Promise.all([
      graft(['train', 'photos/', '--help', 'data']),
      graft(['train', '-h']),
      graft(['train', '-h', 'photos/']),
    ]);
    expect(data.stdout).toMatch(lineOf('--label-regex <value>'));
    expect(data.stdout).not.toMatch(/--model|--json|Examples:/);
    expect(other).toEqual(few);
  });

  test('begins with a dozen options of train and of meta train', async () => {
    for (const name of ['train', 'meta train']) {
      const { basic = {} } = await commands.find((command) => command.name === name)!.load();
      expect(Object.keys(basic)).toHaveLength(12);
    }
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
    [['train', 'x', 'a/b', 'c=d'], 'If you mean a file or folder, write ./c=d'],
    [['train', 'x', 'y', 'seed=1'], 'train: too many arguments: y'],
    [['train', 'x', 'epochs=many'], '--epochs: "many" is not a number.'],
    [['train', 'x', 'epochs=3', '--epochs', '4'], 'epochs is given twice.'],
    [['train', 'x', 'lr=1', 'learning-rate=2'], 'learningRate is given twice.'],
    [['train', 'x', 'strict=yes'], '--strict: expected true or false, received "yes".'],
    [['train', 'x', '--epochs', '-3'], '--epochs: expected an integer of at least 1, received -3'],
    [['train', 'x', '--lr', '-1'], '--learning-rate: expected a number above 0, received -1'],
    [['train', 'x', '--lr', '1', '--learning-rate', '2'], 'learningRate is given twice.'],
    [['train', 'x', '--bs', '1', 'batch=2'], 'batchSize is given twice.'],
    [['help', 'nosuch'], 'help: there is no command "nosuch". Expected one of: train, '],
    [['help', 'trian'], 'Did you mean "train"?'],
    [['help', 'data', 'nosuch'], 'help: there is no command "data nosuch". Expected one of: get, list.'],
    [
      ['predict', '--model', 'X.th', 'x.png'],
      'Give --model ARCHITECTURE and --weights X.th. For a network that Graft does not',
    ],
    [['predict', '--model', 'resnet81', 'x.png'], 'Near it are also: '],
    [['train', '--resume', 'r', 'lr=9'], "--resume keeps the run's own options; leave out --learning-rate."],
    [['config', 'x'], 'config: too many arguments: x'],
    [['export', 'r', '--browser'], 'export: --browser goes with --verify <folder>'],
    [['evaluate', 'r'], "missing required argument 'folder'"],
    [['evaluate', 'r', 'x', 'more'], 'too many arguments'],
    [['evaluate', 'r', 'x', '--part', 'validaton'], 'Did you mean "validation"?'],
    [['predict', 'r'], 'at least one image'],
    [
      ['predict', '--model', 'conv4', 'x.png'],
      '--weights: none are published for conv4, so that --model needs a file of them here.',
    ],
    [['inspect', 'conv4', '--strategy', 'all'], '--strategy "all" is not known.'],
    [['inspect', 'conv4', '--train', 'head'], '--train changes what a strategy does. Give one: --strategy full.'],
    [['inspect', 'conv4', '--epoch', '2'], '--epoch: without a strategy no epoch is known. Give one: --strategy full.'],
    [['preview', 'x', '--out', 'x.jpg'], 'the name of a PNG file, which ends in .png'],
    [['find-lr', 'x', '--out', 'c.png'], 'the name of an SVG file, which ends in .svg'],
    [['train', 'x', '-epochs', '3'], 'Names of options have two dashes: --epochs'],
    [['config', 'epochs'], 'To set an option write epochs=VALUE'],
    [['packages'], 'To train on it: graft train packages'],
    [['train', 'x', '--expect-sha256', 'abc'], 'expected 64 hexadecimal digits'],
  ])('%j: exit 2, a hint on stderr, nothing on stdout', async (args, hint) => {
    const { status, stdout, stderr } = await graft(args);
    expect(stderr).toContain(hint);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).not.toContain('    at ');
  });
});
