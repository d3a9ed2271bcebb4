import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Case, Kind, Stage } from '../case.ts';
import { pick } from '../make/damage.ts';
import { compareCheckpoints, nextCall, type Writer, warmCache, writers } from '../writers.ts';

const preload = ['--import', new URL('../inside/faults.js', import.meta.url).href];

const errors = ['ENOSPC', 'EIO', 'EACCES', 'EROFS', 'EMFILE', 'EDQUOT', 'short'];

/** Calls of each kind that a command makes without faults, counted once. */
const counted = new Map<string, Promise<Readonly<Record<string, number>>>>();

function counts(command: Writer, stage: Stage): Promise<Readonly<Record<string, number>>> {
  const known = counted.get(command.label);
  if (known) return known;
  const counting = async () => {
    const file = join(stage.room.temporary, 'counts.json');
    const out = join(stage.room.out, 'counted');
    const environment = {
      GRAFT_FAULT: JSON.stringify({ root: stage.room.out, call: '', nth: 0, error: '' }),
      GRAFT_FAULT_COUNT: file,
    };
    await stage.graft(command.begin(stage, out), { ends: [0], environment, node: preload });
    const found = JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>;
    rmSync(file);
    return found;
  };
  const made = counting();
  counted.set(command.label, made);
  return made;
}

/** Draws a call and an error for it. */
function drawFault(root: string, all: Readonly<Record<string, number>>, stream: Stage['stream']) {
  const call = pick(stream, Object.keys(all).sort());
  return { root, call, nth: 1 + stream.integer(all[call]!), error: pick(stream, errors) };
}

/**
 * Whatever happens to the files of a run, a command ends with a sentence, and what it leaves goes on to what it would
 * have been.
 */
const inRun = (command: Writer): Case => ({
  label: command.label,
  isDrawn: true,
  seconds: 60,
  play: async (stage) => {
    const { room, stream, graft, fail } = stage;
    warmCache(stage);
    const all = await counts(command, stage);
    const fault = drawFault(room.out, all, stream);
    const out = join(room.out, 'run');
    const environment = { GRAFT_FAULT: JSON.stringify(fault) };
    const first = await graft(command.begin(stage, out), { ends: [0, 1], environment, node: preload });
    const note = `after ${fault.error} at ${fault.call} ${fault.nth} of ${all[fault.call]}`;
    if (first.status !== 0) {
      const second = await graft(nextCall(command, stage, out), { ends: [0, 1] });
      if (second.status === 1 && !second.stderr.includes('is complete')) fail(`does not go on ${note}`);
    }
    compareCheckpoints(command.whole(stage), out, fail, note);
  },
});

/** What cannot be kept in the cache, or read from it, is made again. */
const inCache: Case = {
  label: 'cache',
  isDrawn: true,
  play: async ({ room, stock, stream, graft }) => {
    const calls = ['open', 'read', 'write', 'rename', 'mkdir', 'stat', 'sync', 'close', 'list', 'remove', 'mode'];
    const all = Object.fromEntries(calls.map((call) => [call, 4]));
    const environment = { GRAFT_FAULT: JSON.stringify(drawFault(room.cache, all, stream)) };
    const args = [
      'train',
      stock.images,
      '--model',
      'conv4',
      '--weights',
      stock.run,
      '--threads',
      '1',
      '--batch-size',
      '4',
    ];
    const more = ['--strategy', 'feature-extraction', '--epochs', '1', '--out', join(room.out, 'run')];
    await graft([...args, ...more], { ends: [0, 1], environment, node: preload });
  },
};

/** Reading what is given fails. */
const reading: Case = {
  label: 'reading',
  isDrawn: true,
  play: async ({ stock, stream, graft }) => {
    const fault = {
      root: stock.root,
      call: pick(stream, ['open', 'read', 'stat', 'list', 'close']),
      nth: 1 + stream.integer(30),
      error: pick(stream, ['EIO', 'EACCES', 'EMFILE', 'short']),
    };
    const environment = { GRAFT_FAULT: JSON.stringify(fault) };
    const args = pick(stream, [
      ['doctor', stock.images],
      ['predict', stock.run, stock.image],
      ['predict', '--model', stock.onnx, '--classes', stock.classes, stock.image],
      ['evaluate', stock.run, stock.images],
      ['inspect', stock.run],
    ]);
    await graft(args, { ends: [0, 1, 2], environment, node: preload });
  },
};

export const faults: Kind = { name: 'faults', cases: [...writers.map(inRun), inCache, reading] };
