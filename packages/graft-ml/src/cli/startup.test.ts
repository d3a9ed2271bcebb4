import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { program } from '../../../../test/graft.ts';
import { temporaryFolder } from '../../../../test/images.ts';
import { modulesLoadedBy } from '../../../../test/modules.ts';
import { packageFile } from '../files/package-file.ts';
import { commands } from './commands/index.ts';
import { commandLineOf } from './flags.ts';

const root = temporaryFolder();

/** The command as it is compiled, module by module. */
const modular = packageFile('dist', 'cli', 'main.js');
/** What a command line loads of it. */
const modulesOf = (...args: string[]) => modulesLoadedBy([modular, ...args], root);

const loadedBy = (modules: readonly string[], pattern: RegExp) => modules.filter((url) => pattern.test(url));

test.each([
  [['--help']],
  [['--version']],
  [['trian']],
  [['meta', '--help']],
  [['help', 'nosuch']],
  [['train', '--help', 'all']],
  [['help', 'meta', 'train']],
  [['train', 'photos/', '--epoch', '3']],
])('graft %j loads no command, no schema and no package but the parser', async (args) => {
  const modules = await modulesOf(...args);
  expect(loadedBy(modules, /cli\/program\.js$/)).toHaveLength(1);
  expect(loadedBy(modules, /cli\/commands\/(?!index\.js)/)).toEqual([]);
  expect(loadedBy(modules, /node_modules\/(?!(commander|fastest-levenshtein)\/)/)).toEqual([]);
  expect(modules.length).toBeLessThan(30);
});

test('what the parser and the help read was written from the tables as they are', async () => {
  const built: unknown = JSON.parse(readFileSync(packageFile('dist', 'cli', 'commands.json'), 'utf8'));
  const tables = commands.map(async ({ name, load }) => [name, commandLineOf(await load())] as const);
  expect(built).toEqual(Object.fromEntries(await Promise.all(tables)));
});

test('a command that is used is loaded, and no other', async () => {
  const modules = await modulesOf('config', '--seed', 'x');
  expect(loadedBy(modules, /cli\/commands\//).map((url) => url.split('/').at(-1))).toEqual(
    expect.arrayContaining(['index.js', 'config.js']),
  );
  expect(loadedBy(modules, /cli\/commands\//)).toHaveLength(2);
});

const wrongOptions = [
  ['train', 'x', '--seed', 'x'],
  ['meta', 'train', 'x', '--seed', 'x'],
  ['find-lr', 'x', '--seed', 'x'],
  ['evaluate', 'x', 'y', '--tta', 'x'],
  ['predict', 'x', 'y', '--tta', 'x'],
  ['features', 'x', '--tta', 'x'],
  ['preview', 'x', '--seed', 'x'],
  ['doctor', 'x', '--examples', 'x'],
  ['config', '--seed', 'x'],
].map((args) => [args]);
const heavyPackages = /node_modules\/(sharp|@img|onnxruntime[^/]*|tar|tinypool|proper-lockfile)\//;

test.each(wrongOptions)(
  'reading the options of %j loads neither an architecture nor what reads images or runs graphs',
  async (args) => {
    const modules = await modulesOf(...args);
    expect(loadedBy(modules, /core\/dist\/recipe\/config\/train-config\.js/)).toHaveLength(1);
    expect(loadedBy(modules, heavyPackages)).toEqual([]);
    expect(loadedBy(modules, /core\/dist\/models\/(?!(names|head-layers|head-text|onnx\/suffix)\.js)/)).toEqual([]);
    expect(
      loadedBy(
        modules,
        /graft-ml\/dist\/(?!(cli|text)\/)(?!(data\/configured|experiment\/comparison|files\/package-file)\.js)/,
      ),
    ).toEqual([]);
  },
);

test.each(wrongOptions)('so it is where the command is bundled, from a few files: %j', async (args) => {
  const modules = await modulesLoadedBy([program, ...args], root);
  expect(loadedBy(modules, heavyPackages)).toEqual([]);
  const own = loadedBy(modules, /graft-ml\/bundled\//);
  expect(loadedBy(own, /shared\/(start|options)-/)).toHaveLength(2);
  expect(loadedBy(own, /shared\/training-/)).toEqual([]);
  expect(own.length).toBeLessThan(20);
});
