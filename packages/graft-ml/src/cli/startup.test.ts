import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { outcomeOf, program } from '../../../../test/graft.ts';
import { temporaryFolder } from '../../../../test/images.ts';

const root = temporaryFolder();

const coverageSchema = z.object({ result: z.array(z.object({ url: z.string() })) });

/**
 * The files of every module that a command line loads, without those of Node. V8 lists them when its coverage is asked
 * for.
 */
async function modulesOf(...args: string[]): Promise<string[]> {
  const folder = mkdtempSync(join(root, 'coverage-'));
  const env = { ...process.env, NODE_V8_COVERAGE: folder };
  await outcomeOf(spawn(process.execPath, [program, ...args], { env }));
  const scripts = readdirSync(folder).flatMap(
    (name) => coverageSchema.parse(JSON.parse(readFileSync(join(folder, name), 'utf8'))).result,
  );
  return scripts.map(({ url }) => url).filter((url) => url.startsWith('file:'));
}

const nativeOrLarge = /node_modules\/(sharp|@img|onnxruntime[^/]*|zod|yaml|tar|tinypool)\//;
const loadedBy = (modules: readonly string[], pattern: RegExp) => modules.filter((url) => pattern.test(url));

test.each([['--help'], ['--version'], ['trian'], ['meta', '--help'], ['help', 'nosuch']])(
  'graft %s %s loads no definition of a command, and nothing that one stands on',
  async (...args) => {
    const modules = await modulesOf(...args);
    expect(loadedBy(modules, /cli\/program\.js$/)).toHaveLength(1);
    expect(loadedBy(modules, nativeOrLarge)).toEqual([]);
    expect(loadedBy(modules, /cli\/commands\/(?!index\.js)/)).toEqual([]);
    expect(modules.length).toBeLessThan(30);
  },
);

test('a command that is used is loaded, and no other', async () => {
  const modules = await modulesOf('config', '--help');
  expect(loadedBy(modules, /cli\/commands\//).map((url) => url.split('/').at(-1))).toEqual(
    expect.arrayContaining(['index.js', 'config.js']),
  );
  expect(loadedBy(modules, /cli\/commands\//)).toHaveLength(2);
});

test.each(['train', 'meta train', 'find-lr', 'evaluate', 'predict', 'features', 'preview', 'doctor', 'config'])(
  'the help of %s loads its options, and neither an architecture nor what reads images or runs graphs',
  async (name) => {
    const modules = await modulesOf(...name.split(' '), '--help');
    expect(loadedBy(modules, /core\/dist\/recipe\/config\/train-config\.js/)).toHaveLength(1);
    expect(loadedBy(modules, /node_modules\/(sharp|@img|onnxruntime[^/]*|tar|tinypool|proper-lockfile)\//)).toEqual([]);
    expect(loadedBy(modules, /core\/dist\/models\/(?!(names|head-layers|onnx\/suffix)\.js)/)).toEqual([]);
    expect(
      loadedBy(modules, /graft-ml\/dist\/(?!(cli|text)\/)(?!(data\/configured|experiment\/comparison)\.js)/),
    ).toEqual([]);
  },
);

test.each(['models', 'data get', 'data list'])(
  'the help of %s loads no library, and the schema of no other command',
  async (name) => {
    const modules = await modulesOf(...name.split(' '), '--help');
    expect(loadedBy(modules, /cli\/attach-definition\.js$/)).toHaveLength(1);
    expect(loadedBy(modules, /node_modules\/(sharp|@img|onnxruntime[^/]*|tar|tinypool|proper-lockfile)\//)).toEqual([]);
    expect(loadedBy(modules, /core\/dist\/models\/(?!(names|head-layers|onnx\/suffix)\.js)/)).toEqual([]);
    expect(
      loadedBy(modules, /core\/dist\/(optim|ops|graph|recipe\/meta\/meta-config|recipe\/config\/train-config)/),
    ).toEqual([]);
    expect(loadedBy(modules, /graft-ml\/dist\/(?!(cli|text)\/)(?!data\/public\/names\.js)/)).toEqual([]);
  },
);
