import { linkSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Outcome, runBounded } from './bounded.ts';
import { findCase, nameOf } from './campaign.ts';
import { judgeOutcome, judgeRoom } from './judge.ts';
import { kinds } from './kinds/index.ts';
import { makeRoom, snapshotRoom } from './room.ts';

/* A campaign that could not fail would prove nothing. */

const root = mkdtempSync(join(tmpdir(), 'graft-judge-'));
afterAll(() => rmSync(root, { recursive: true }));

/** Runs a program of one line of JavaScript. */
function run(source: string, bounds = { seconds: 20, mebibytes: 1000 }): Promise<Outcome> {
  const argv = [process.execPath, '-e', source];
  return runBounded(argv, { cwd: root, environment: { PATH: process.env.PATH }, bounds }, {});
}

const judged = async (source: string, bounds?: { seconds: number; mebibytes: number }) =>
  judgeOutcome(await run(source, bounds), [0, 1], 'the secret').join('; ');

describe('a command is blamed', () => {
  it.each([
    ['for a status that does not fit', 'process.exit(7)', 'status 7'],
    ['for falling', 'process.kill(process.pid, "SIGSEGV")', 'was ended by SIGSEGV'],
    ['for a stack trace', 'throw new Error("x")', 'shows a stack trace'],
    ['for calling something a bug', 'console.error("graft: this is a bug.")', 'calls it a bug'],
    ['for escapes', 'console.log("\\u001b[2J")', 'has a raw'],
    ['for C1 controls', 'console.error("\\u009b31m")', 'has a raw'],
    ['for bytes that are no text', 'process.stdout.write(Buffer.of(0xff, 0x80))', 'no text'],
    ['for showing what it was not given', 'console.log("here is the secret")', 'somebody else’s file'],
    ['for writing much', 'console.log("x".repeat(3e5))', 'has 300001 bytes'],
    [
      'for leaving processes',
      'require("child_process").spawn("sleep", ["30"], { detached: true, stdio: "ignore" }).unref()',
      'left sleep',
    ],
  ])('%s', async (_, source, reason) => {
    expect(await judged(source)).toContain(reason);
  });

  it('for taking too long, and is ended', async () => {
    expect(await judged('for (;;);', { seconds: 1, mebibytes: 1000 })).toContain('did not end within');
  });

  it('for waiting for nothing, and is ended', async () => {
    expect(
      await judged('process.stdin.resume(); setInterval(() => {}, 1e6)', { seconds: 1, mebibytes: 1000 }),
    ).toContain('did not end within');
  });

  it('for taking too much memory, and is ended', async () => {
    const grow = 'const all = []; setInterval(() => all.push(Buffer.alloc(2e7, 1)), 5)';
    expect(await judged(grow, { seconds: 30, mebibytes: 200 })).toMatch(/took \d+ MiB/);
  });

  it('for nothing where there is nothing', async () => {
    expect(await judged('console.log("graft: x.png is cut short – é 💾")')).toBe('');
  });
});

describe('a room shows', () => {
  let count = 0;
  const judgedRoom = (change: (room: ReturnType<typeof makeRoom>) => void) => {
    const room = makeRoom(join(root, `room${count++}`));
    const before = snapshotRoom(room);
    change(room);
    return judgeRoom(room, before, false).join('; ');
  };

  it.each<[string, (room: ReturnType<typeof makeRoom>) => void, string]>([
    ['nothing where nothing happened', () => {}, ''],
    ['what may be written', ({ out }) => writeFileSync(join(out, 'x'), 'y'), ''],
    ['a new file beside', ({ work }) => writeFileSync(join(work, 'x'), 'y'), 'wrote "work/x"'],
    ['a changed file', ({ canary }) => writeFileSync(join(canary, '.bashrc'), 'y'), 'changed "canary/.bashrc"'],
    [
      'the same content written again',
      ({ canary }) => writeFileSync(join(canary, 'thesis.txt'), readFileSync(join(canary, 'thesis.txt'))),
      'changed "canary/thesis.txt"',
    ],
    ['a removed file', ({ home }) => rmSync(join(home, '.profile')), 'removed "home/.profile"'],
    ['a copy of what was not given', ({ out, secret }) => writeFileSync(join(out, 'x'), secret), 'copied the canary'],
    [
      'no copy where it is the canary itself',
      ({ out, canary }) => linkSync(join(canary, '.bashrc'), join(out, 'x')),
      '',
    ],
    ['what is left among temporary files', ({ temporary }) => writeFileSync(join(temporary, 'x'), ''), 'left x among'],
  ])('%s', (_, change, reason) => {
    expect(judgedRoom(change)).toMatch(reason === '' ? /^$/ : reason);
  });
});

it('every case has a name of its own, by which it is found again', () => {
  const planned = kinds.flatMap((kind) => kind.cases.map((of) => ({ kind, case: of, round: of.isDrawn ? 3 : 0 })));
  const names = planned.map(nameOf);
  expect(new Set(names).size).toBe(names.length);
  for (const [i, name] of names.entries()) expect(findCase(kinds, name)).toEqual(planned[i]);
});
