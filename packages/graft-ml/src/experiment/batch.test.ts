import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun } from '../../../../test/runs.ts';
import { collect } from '../../../../test/training.ts';
import { localExecutor } from '../jobs/local-executor.ts';
import { lockRun } from '../runs/run-lock.ts';
import { type Batch, type BatchOptions, runBatch } from './batch.ts';
import { type CompareEvent, type CompareOptions, compareLearners, resumeComparison } from './compare.ts';

ownCache();
const root = temporaryFolder();
let count = 0;
const fresh = () => join(root, `batch-${++count}`);
const jsonOf = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

type Step = { readonly kind: 'ready' | 'start' | 'step' | 'interrupted' | 'end'; readonly of: string };

/** Members that write a run of two steps, one of which may be interrupted or fail. */
function toy(log: string[], { stopAt, failAt }: { stopAt?: string; failAt?: string } = {}): Batch<Step, number> {
  async function* work(of: string, out: string, from: string): AsyncGenerator<Step> {
    yield { kind: 'ready', of };
    if (of === failAt) throw new Error(`${of} cannot be trained`);
    log.push(`${from} ${of}`);
    yield { kind: 'start', of };
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, 'last.safetensors'), of);
    if (of === stopAt) yield { kind: 'interrupted', of };
    if (of === stopAt) return;
    yield { kind: 'step', of };
    writeFileSync(join(out, 'run.json'), '{}');
    yield { kind: 'end', of };
  }
  return {
    file: 'folds.json',
    members: ['a', 'b', 'c'],
    results: new Map(),
    train: (name, out) => work(name, out, 'train'),
    resume: (name, out) => work(name, out, 'resume'),
    job: () => {
      throw new Error('no executor is asked');
    },
    state: async (_, out) =>
      existsSync(join(out, 'run.json')) ? 'done' : existsSync(join(out, 'last.safetensors')) ? 'begun' : 'none',
    result: async (name) => name.charCodeAt(0),
    record: (results) => ({ values: Object.fromEntries(results) }),
  };
}

async function drain(batch: Batch<Step, number>, options: BatchOptions) {
  const events = runBatch(batch, options);
  const seen: string[] = [];
  for (;;) {
    const { value, done } = await events.next();
    if (done) return { seen, results: value };
    if (value.kind === 'member') seen.push(`${value.name} ${value.index}/${value.of}`);
    else if ('of' in value) seen.push(`${value.of}: ${value.kind}`);
  }
}

describe('a batch of runs', () => {
  test('says which member an event is of, and records each result', async () => {
    const [out, log]: [string, string[]] = [fresh(), []];
    const { seen, results } = await drain(toy(log), { out, isNew: true });
    const of = (name: string, index: number) => [
      `${name} ${index}/3`,
      ...['ready', 'start', 'step', 'end'].map((kind) => `${name}: ${kind}`),
    ];
    expect(seen).toEqual([...of('a', 1), ...of('b', 2), ...of('c', 3)]);
    expect(Object.fromEntries(results!)).toEqual({ a: 97, b: 98, c: 99 });
    expect(jsonOf(join(out, 'folds.json')).values).toEqual({ a: 97, b: 98, c: 99 });
    expect(readdirSync(out)).not.toContain('run.lock');
  });

  test('goes on with the member that was interrupted, and runs none twice', async () => {
    const [out, log]: [string, string[]] = [fresh(), []];
    expect((await drain(toy(log, { stopAt: 'b' }), { out, isNew: true })).results).toBe(null);
    expect(jsonOf(join(out, 'folds.json')).values).toEqual({ a: 97 });
    const rest = await drain({ ...toy(log), results: new Map([['a', 97]]) }, { out, isNew: false });
    expect(Object.fromEntries(rest.results!)).toEqual({ a: 97, b: 98, c: 99 });
    expect(log).toEqual(['train a', 'train b', 'resume b', 'train c']);
    expect(rest.seen[0]).toBe('b 2/3');
  });

  test('has the result of a run that was complete when the batch was killed before it recorded that', async () => {
    const [out, log]: [string, string[]] = [fresh(), []];
    await drain(toy(log), { out, isNew: true });
    const { results } = await drain({ ...toy(log), results: new Map([['a', 97]]) }, { out, isNew: false });
    expect(results!.size).toBe(3);
    expect(log).toEqual(['train a', 'train b', 'train c']);
  });

  test('writes nothing where its first member cannot be trained, and keeps what is done where another cannot', async () => {
    const [out, log]: [string, string[]] = [fresh(), []];
    await expect(drain(toy(log, { failAt: 'a' }), { out, isNew: true })).rejects.toThrow('a cannot be trained');
    expect(existsSync(out)).toBe(false);
    await expect(drain(toy(log, { failAt: 'b' }), { out, isNew: true })).rejects.toThrow('b cannot be trained');
    expect(jsonOf(join(out, 'folds.json')).values).toEqual({ a: 97 });
    expect(readdirSync(out)).not.toContain('run.lock');
  });

  test('is run by one process at a time', async () => {
    const [out, log]: [string, string[]] = [fresh(), []];
    await drain(toy(log, { stopAt: 'a' }), { out, isNew: true });
    const lock = await lockRun(out);
    await expect(drain(toy(log), { out, isNew: false })).rejects.toThrow(`${out} is being trained by this process`);
    await lock.release();
    expect((await drain(toy(log), { out, isNew: false })).results!.size).toBe(3);
  });
});

describe('a comparison', () => {
  const tiny = {
    model: 'conv4_32',
    imageSize: 16,
    way: 2,
    shots: 1,
    queries: 1,
    metaBatch: 1,
    metaSteps: 2,
    validateEvery: 1,
    episodes: 2,
    split: { classes: { train: 2, validation: 2, test: 1 } },
    rotations: 'all',
    threads: 1,
  } as const;
  const contestants = [
    { name: 'anil', config: { ...tiny, learner: 'anil' } },
    { name: 'mine', config: { ...tiny, learner: 'protonet' } },
  ] as const;
  const shapes = join(root, 'shapes');
  const whole = join(root, 'whole');
  const start = (options: CompareOptions) => compareLearners(shapes, contestants, options);
  const tableOf = (out: string) => {
    const { rows, shape, episodes } = jsonOf(join(out, 'compare.json'));
    return { shape, episodes, rows: rows.map(({ seconds: _, ...row }: { seconds: number }) => row) };
  };

  test('that is interrupted in its second run goes on there, and comes to the same table', async () => {
    const classes = ['disc', 'square', 'cross', 'ring', 'bar'] as const;
    await drawImages(shapes, { classes, perClass: 4, side: 16 });
    const events = await collect(start({ out: whole, episodes: 3 }));
    expect(events.at(-1)).toMatchObject({ kind: 'comparison', episodes: 3, shape: { way: 2, shots: 1, queries: 1 } });
    expect(readdirSync(whole).sort()).toEqual(['anil', 'compare.json', 'compare.md', 'compare.svg', 'mine']);

    const out = join(root, 'stopped');
    const controller = new AbortController();
    const seen: CompareEvent[] = [];
    let runs = 0;
    for await (const event of start({ out, episodes: 3, signal: controller.signal })) {
      seen.push(event);
      if (event.kind === 'contestant') runs++;
      if (event.kind === 'step' && runs === 2) controller.abort();
    }
    expect(seen.at(-1)!.kind).toBe('interrupted');
    expect(tableOf(out).rows.map(({ name }: { name: string }) => name)).toEqual(['anil']);
    const rest = await collect(resumeComparison(out));
    expect(rest.flatMap((event) => (event.kind === 'contestant' ? [event.name] : []))).toEqual(['mine']);
    for (const name of ['anil', 'mine']) expectSameRun(join(out, name), join(whole, name));
    expect(tableOf(out)).toEqual(tableOf(whole));
    expect(readFileSync(join(out, 'compare.md'), 'utf8').split('|').length).toBeGreaterThan(10);
  });

  test('comes to the same table where child processes train the learners at once', async () => {
    const out = join(root, 'elsewhere');
    await using executor = localExecutor({ root: out, file: join(root, 'jobs.db'), jobs: 2 });
    const events = await collect(start({ out, episodes: 3, executor }));
    const epochs = events.flatMap((event) => (event.kind === 'member-epoch' ? [event.name] : []));
    expect(epochs.sort()).toEqual(['anil', 'anil', 'mine', 'mine']);
    for (const name of ['anil', 'mine']) expectSameRun(join(out, name), join(whole, name));
    expect(tableOf(out)).toEqual(tableOf(whole));
  });

  test('of version 0.1, which has no rows before its end, is resumed', async () => {
    const { folder, contestants: planned } = jsonOf(join(whole, 'compare.json'));
    const old = join(root, 'old');
    const controller = new AbortController();
    for await (const event of start({ out: old, episodes: 3, signal: controller.signal })) {
      if (event.kind === 'step') controller.abort();
    }
    writeFileSync(join(old, 'compare.json'), JSON.stringify({ folder, episodes: 3, contestants: planned }));
    const rest = await collect(resumeComparison(old, { data: shapes }));
    expect(rest.flatMap((event) => (event.kind === 'contestant' ? [event.name] : []))).toEqual(['anil', 'mine']);
    expect(tableOf(old)).toEqual(tableOf(whole));
  });
});
