import { lstatSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Outcome } from './bounded.ts';
import { changes, filesBelow, type Room, type Snapshot, snapshotRoom } from './room.ts';

const MOST_SHOWN = 256 * 2 ** 10; // bytes of output that a person could be expected to look at
const MOST_SEARCHED = 64 * 2 ** 20;

/** C0 but tab and line feed, DEL, C1, and what turns the direction of writing. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

const nonsense: readonly [RegExp, string][] = [
  [/this is a bug/i, 'calls it a bug'],
  [/^\s+at .+:\d+:\d+\)?$/m, 'shows a stack trace'],
  [/\bnode:internal\b|triggerUncaughtException|UnhandledPromiseRejection/, 'shows Node’s own failure'],
  [/FATAL ERROR|Segmentation fault|core dumped|terminate called/i, 'fell'],
  [/Warning: /, 'lets a warning of Node through'],
];

/** What is wrong with how a command ended and with what it wrote: invariants, never its words. */
export function judgeOutcome(outcome: Outcome, ends: readonly number[], secret: string): string[] {
  const { status, signal, exceeded, wasKilled, leftovers } = outcome;
  const found: string[] = [];
  if (exceeded === 'time') found.push(`did not end within ${outcome.seconds.toFixed(0)} s`);
  else if (exceeded === 'memory') found.push(`took ${outcome.mebibytes.toFixed(0)} MiB`);
  else if (exceeded === 'output') found.push('wrote without end');
  else if (signal !== null && !wasKilled) found.push(`was ended by ${signal}`);
  else if (status !== null && !ends.includes(status)) found.push(`status ${status}, expected ${ends.join(' or ')}`);
  if (leftovers.length > 0 && !wasKilled) found.push(`left ${leftovers.join(', ')} running`);
  for (const [name, bytes] of [
    ['stdout', outcome.stdout],
    ['stderr', outcome.stderr],
  ] as const) {
    const text = bytes.toString('utf8');
    const control = controls.exec(text);
    if (control) found.push(`${name} has a raw ${JSON.stringify(control[0])}`);
    if (!Buffer.from(text).equals(bytes) && exceeded === null && !wasKilled)
      found.push(`${name} has bytes that are no text`);
    if (text.includes(secret)) found.push(`${name} shows what stands in somebody else’s file`);
    // For machines it is as long as it has to be.
    const isForPeople = name === 'stderr' || !outcome.command.endsWith('--json');
    if (bytes.length > MOST_SHOWN && isForPeople) found.push(`${name} has ${bytes.length} bytes`);
    for (const [pattern, what] of nonsense) if (pattern.test(text)) found.push(what);
  }
  return [...new Set(found)];
}

/** What is wrong with the folders of a case after it. */
export function judgeRoom(room: Room, before: Snapshot, wasKilled: boolean): string[] {
  const found = changes(before, snapshotRoom(room), room.root);
  for (const path of [room.out, room.cache, room.temporary].flatMap(filesBelow)) {
    const stats = lstatSync(path);
    // A file with another name elsewhere may be the canary itself.
    if (
      stats.isFile() &&
      stats.nlink === 1 &&
      stats.size <= MOST_SEARCHED &&
      readFileSync(path).includes(room.secret)
    ) {
      found.push(`copied the canary to ${JSON.stringify(path.slice(room.root.length + 1))}`);
    }
  }
  const left = wasKilled ? [] : filesBelow(room.temporary);
  if (left.length > 0)
    found.push(
      `left ${left
        .slice(0, 3)
        .map((path) => basename(path))
        .join(', ')} among the temporary files`,
    );
  return found;
}
