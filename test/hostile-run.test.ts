import { execFileSync } from 'node:child_process';
import { cpSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { readLast } from '@graft-ml/core/internal/runs/checkpoints';
import { trainingRuns } from '@graft-ml/core/internal/runs/run-file';
import { evaluateFolder } from 'graft-ml/internal/evaluate/evaluate-folder';
import { openRun } from 'graft-ml/internal/evaluate/open-run';
import { resumeComparison } from 'graft-ml/internal/experiment/compare';
import { resumeFolds } from 'graft-ml/internal/experiment/cross-validation';
import { adaptMeta } from 'graft-ml/internal/meta/adapt-meta';
import { testMeta } from 'graft-ml/internal/meta/test-meta';
import { resumeMeta, trainMeta } from 'graft-ml/internal/meta/train-meta';
import { openRunStore } from 'graft-ml/internal/runs/run-store';
import { resumeTraining, trainFolder } from 'graft-ml/internal/transfer/train-folder';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from './images.ts';
import { runFolder, smallRun } from './runs.ts';
import { collect } from './training.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const victim = join(root, 'victim');
const [trained, learned] = [join(root, 'trained'), join(root, 'learned')];
let count = 0;

const meta = { way: 2, shots: 1, queries: 1, metaSteps: 2, validateEvery: 1, episodes: 4, threads: 1 } as const;

beforeAll(async () => {
  await drawImages(shapes, { perClass: 6, classes: ['bar', 'cross', 'disc', 'ring', 'square'] });
  await runFolder(shapes, trained, { stopAfter: 4, log: ['csv', 'tensorboard'] });
  const controller = new AbortController();
  const config = { ...meta, split: { classes: { train: 2, validation: 2, test: 1 } }, imageSize: 28 } as const;
  for await (const event of trainMeta(shapes, config, { out: learned, signal: controller.signal })) {
    if (event.kind === 'evaluation') controller.abort();
  }
}, 120_000);

/** A copy of a run, as someone may have sent it. */
function sent(run: string): string {
  const out = join(root, `sent${count++}`);
  cpSync(run, out, { recursive: true });
  return out;
}

/** Every way to open a run. */
const ways: Readonly<Record<string, (out: string) => Promise<unknown>>> = {
  'train --resume': (out) => collect(resumeTraining(out)),
  evaluate: (out) => evaluateFolder(out, shapes),
  'predict and export': (out) => openRun(out),
  'train --overwrite': (out) => collect(trainFolder(shapes, smallRun, { out, overwrite: true })),
  'meta train --resume': (out) => collect(resumeMeta(out)),
  'meta test': (out) => testMeta(out, { folder: shapes }),
  'meta adapt': (out) => adaptMeta(out, shapes, { out: join(root, `adapted${count++}`) }),
};

describe('of a run folder that was sent', () => {
  const names = [
    ...['run.json', 'best.safetensors', 'last.safetensors', 'architecture.onnx', 'metrics.jsonl', 'metrics.csv'],
    ...['events.out.tfevents.1.host', 'run.lock', 'scratch', 'folds.json'],
  ];

  test.each(names)(
    '%s is not followed where it is a link, or a FIFO, by any command',
    async (name) => {
      for (const [way, open] of Object.entries(ways)) {
        for (const kind of ['link', 'link to a folder', 'dangling link', 'FIFO'] as const) {
          const out = sent(way.startsWith('meta') ? learned : trained);
          const place = join(out, name);
          rmSync(place, { recursive: true, force: true });
          const target = join(root, `target${count++}`);
          if (kind === 'link') writeFileSync(target, 'precious\n');
          if (kind === 'link to a folder') mkdirSync(target);
          if (kind === 'link to a folder') writeFileSync(join(target, 'inside'), 'precious\n');
          if (kind === 'FIFO') execFileSync('mkfifo', [place]);
          else symlinkSync(target, place);
          await expect(open(out), `${way}, ${kind}`).rejects.toThrow(
            `${place} is ${kind === 'FIFO' ? 'a FIFO, device or socket' : 'a link'}.`,
          );
          if (kind === 'link') expect(readFileSync(target, 'utf8')).toBe('precious\n');
          if (kind === 'link to a folder') expect(readFileSync(join(target, 'inside'), 'utf8')).toBe('precious\n');
        }
      }
    },
    120_000,
  );

  test('a log that is another file, too, is not written to', async () => {
    const out = sent(trained);
    writeFileSync(victim, 'precious\n');
    rmSync(join(out, 'metrics.jsonl'), { force: true });
    linkSync(victim, join(out, 'metrics.jsonl'));
    await expect(collect(resumeTraining(out))).rejects.toThrow('the file has another name elsewhere');
    expect(readFileSync(victim, 'utf8')).toBe('precious\n');
  });

  test('a run inside it is no link either', async () => {
    const elsewhere = sent(trained);
    const out = join(root, 'folds');
    mkdirSync(out);
    const config = { ...smallRun, log: null };
    writeFileSync(join(out, 'folds.json'), JSON.stringify({ of: 2, folder: shapes, config, folds: [] }));
    symlinkSync(elsewhere, join(out, 'fold-1'));
    await expect(collect(resumeFolds(out))).rejects.toThrow(`${join(out, 'fold-1')} is a link.`);
  });

  test('the runs of a comparison lie in its folder', async () => {
    const out = join(root, 'comparison');
    mkdirSync(out);
    const plan = (name: string) =>
      JSON.stringify({ folder: shapes, episodes: 2, contestants: [{ name, config: { ...meta } }] });
    for (const name of ['../victim', '/etc/victim', '..', '.', 'a/b', 'a\\b', '']) {
      writeFileSync(join(out, 'compare.json'), plan(name));
      await expect(collect(resumeComparison(out)), name).rejects.toThrow('compare.json is damaged');
    }
    writeFileSync(join(out, 'compare.json'), plan('maml'));
    symlinkSync(sent(learned), join(out, 'maml'));
    await expect(collect(resumeComparison(out, { data: shapes }))).rejects.toThrow(`${join(out, 'maml')} is a link.`);
  });

  test('run.json is bounded in size and depth before it is parsed', async () => {
    const out = sent(trained);
    writeFileSync(join(out, 'run.json'), Buffer.alloc(51_000_000, '['));
    await expect(openRun(out)).rejects.toThrow('at most 50000000 are read');
    writeFileSync(join(out, 'run.json'), Buffer.alloc(20_000_000, '['));
    await expect(openRun(out)).rejects.toThrow(`${join(out, 'run.json')} is damaged`);
    writeFileSync(join(out, 'run.json'), `{"a":[${'[],'.repeat(4_000_000)}0]}`);
    await expect(openRun(out)).rejects.toThrow(`${join(out, 'run.json')} is damaged`);
  }, 60_000);
});

test('a run whose own folder is reached by a link is one like any other', async () => {
  const out = sent(trained);
  const place = join(root, 'moved');
  renameSync(out, place);
  symlinkSync(place, out);
  await collect(resumeTraining(out));
  expect((await readLast(out, trainingRuns, openRunStore)).phase.epoch).toBe(smallRun.epochs);
});

describe('one flipped bit', () => {
  /** The file with one bit flipped: the bit, of all its bits. */
  const flipped = (bytes: Buffer, bit: number) => {
    const copy = Buffer.from(bytes);
    copy[bit >> 3]! ^= 1 << (bit & 7);
    return copy;
  };

  test('in a checkpoint is noticed, wherever it is', async () => {
    const out = sent(trained);
    const file = join(out, 'last.safetensors');
    const bytes = readFileSync(file);
    const header = 8 * (8 + Number(bytes.readBigUInt64LE(0)));
    const stream = randomStream(1, 'bits');
    const bits = Array.from({ length: 150 }, (_, i) => stream.integer(i % 2 === 0 ? header : 8 * bytes.length));
    for (const bit of bits) {
      writeFileSync(file, flipped(bytes, bit));
      const read = await readLast(out, trainingRuns, openRunStore).catch((error: Error) => error);
      // Of the checksum's own name a bit may be lost: then the rest is as it was.
      const isName = read instanceof Error || flipped(bytes, bit).includes('graft-sha256') === false;
      expect(isName, `bit ${bit}`).toBe(true);
    }
  }, 60_000);
});
