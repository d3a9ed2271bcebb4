import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { ownCache, temporaryFolder } from '../../../test/pictures.ts';
import { runtime, taskOf } from '../../../test/toy-run.ts';
import { collect } from '../../../test/training.ts';
import { UserError } from '../../base/errors.ts';
import { exists } from '../../files/read.ts';
import { parseConfig } from '../config/index.ts';
import { train } from '../index.ts';
import { readLast } from './checkpoints.ts';
import { closing, recorded } from './recording.ts';
import { readRun, runSchema } from './run-file.ts';
import { RunFolder } from './run-folder.ts';
import { lockRun } from './run-lock.ts';
import { openRunStore, type RunStore } from './run-store.ts';

ownCache();
const root = temporaryFolder();

/** A run of the toy task. */
const record = runSchema.parse({
  ...{ graft: '0', kind: 'train', status: 'running', weightsSha256: null, folder: root, device: 'cpu', threads: 1 },
  preprocessing: { resize: 32, crop: 32, interpolation: 'bilinear', mean: [0, 0, 0], std: [1, 1, 1] },
  parameters: { total: 1, trained: 1 },
  versions: { node: '', onnxruntime: '' },
  choices: {},
  best: null,
  config: { ...parseConfig({ model: 'conv4' }), log: 'jsonl,csv' },
  classes: ['a', 'b', 'c'],
  batchNorm: 'running',
  dataset: { fingerprint: '', train: 44, validation: 21, test: 0, leftOut: [] },
  warnings: [],
  decision: null,
  adaptedFrom: null,
  before: null,
});

/** How a write fails: not at all, before anything is written, or after half of it where it grows. */
type Failure = 'before' | 'halfway';

/** Counts what changes the run, and lets the `nth` of it fail, and everything after it: a disk that is full stays so. */
function failing(path: string, nth: number, how: Failure): { store: RunStore; count(): number } {
  const store = openRunStore(path);
  let count = 0;
  const guarded =
    <A extends readonly unknown[]>(change: (...args: A) => Promise<void>, half: (...args: A) => Promise<void>) =>
    async (...args: A) => {
      count++;
      if (count === nth && how === 'halfway') await half(...args);
      if (count >= nth) throw new UserError(`cannot be written: write ${count}`);
      await change(...args);
    };
  const nothing = async () => {};
  return {
    count: () => count,
    store: {
      ...store,
      replace: guarded(store.replace, nothing),
      append: guarded(store.append, (name, content) => store.append(name, content.subarray(0, content.length >> 1))),
      truncate: guarded(store.truncate, nothing),
      remove: guarded(store.remove, nothing),
    },
  };
}

/** Begins the run in a folder, or goes on with it, as `graft train` does. */
async function attempt(path: string, store: RunStore): Promise<void> {
  const isBegun = await exists(join(path, 'last.safetensors'));
  const last = isBegun ? await readLast(path) : null;
  const run = isBegun ? await readRun(path) : record;
  const lock = isBegun ? await lockRun(path) : null;
  const folder = new RunFolder(path, run, { description: {}, initial: {}, onnx: null, store }, lock);
  const own = runtime();
  const work = async function* () {
    const events = train(taskOf({ epochs: 3 }), { runtime: own, store: folder, ...(last && { resume: last }) });
    const end = yield* recorded(events, folder, { runtime: own, last, overwrite: !isBegun });
    if (end) await folder.close('done');
  };
  await collect(closing(folder, work()));
}

const whole = join(root, 'whole');
let writes = 0;

beforeAll(async () => {
  const { store, count } = failing(whole, Number.POSITIVE_INFINITY, 'before');
  await attempt(whole, store);
  writes = count();
});

/** Without what the clock decides. */
const contentOf = (path: string, name: string) =>
  /\.(jsonl|csv)$/.test(name)
    ? readFileSync(join(path, name), 'utf8').replaceAll(/("seconds":|,)[\d.e-]+(?=[}\n])/g, '')
    : readFileSync(join(path, name)).toString('base64');

describe.each(['before', 'halfway'] as const)('a run whose writing fails %s', (how) => {
  test('at any write ends with the reason, leaves nothing that is damaged, and goes on to what it would have been', async () => {
    expect(writes).toBeGreaterThan(8);
    for (let nth = 1; nth <= writes; nth++) {
      const path = join(root, `${how}-${nth}`);
      await expect(attempt(path, failing(path, nth, how).store), `write ${nth}`).rejects.toThrow('cannot be written');
      await attempt(path, openRunStore(path));
      for (const name of ['last.safetensors', 'best.safetensors', 'metrics.jsonl', 'metrics.csv']) {
        expect(contentOf(path, name), `${name} after write ${nth}`).toBe(contentOf(whole, name));
      }
      expect((await readRun(path)).status).toBe('done');
    }
  });
});

test('what stands in a checkpoint is what its reader is told, or nothing', async () => {
  const path = join(root, 'cut');
  await attempt(path, openRunStore(path));
  const file = join(path, 'last.safetensors');
  const bytes = readFileSync(file);
  for (const length of [0, 7, 100, bytes.length >> 1, bytes.length - 1]) {
    writeFileSync(file, bytes.subarray(0, length));
    await expect(readLast(path)).rejects.toThrow(UserError);
  }
});
