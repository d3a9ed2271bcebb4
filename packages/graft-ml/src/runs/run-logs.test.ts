import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileLogger } from '@graft-ml/core/internal/fit/loggers/file-logger';
import {
  csv,
  jsonLines,
  type LogFormat,
  type LoggedProgress,
  tensorBoard,
} from '@graft-ml/core/internal/fit/loggers/index';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../../test/images.ts';
import { logOf, runEvents } from '../../../../test/logs.ts';
import { openRunStore } from './run-store.ts';

const root = temporaryFolder();
let count = 0;

function newFolder(): string {
  const folder = join(root, String(count++));
  mkdirSync(folder);
  return folder;
}

/** Logs what is left of a run of three epochs after `from`, or its first events. */
async function log(folder: string, format: LogFormat, from: LoggedProgress | null, events = Number.POSITIVE_INFINITY) {
  const logger = fileLogger(openRunStore(folder), format);
  if (from) await logger.resume!(from);
  for (const event of runEvents(3, from ?? undefined).slice(0, events)) await logger.log(event);
  await logger.close();
}

const formats = { csv, jsonLines, tensorBoard: tensorBoard('host', () => 5000) };

test.each(Object.entries(formats))(
  '%s: a log that was ahead of its checkpoint ends without a gap or a doubled entry',
  async (_, format) => {
    const folder = newFolder();
    const whole = logOf(format, runEvents(3));
    await log(folder, format, null, 15); // into the third epoch
    await log(folder, format, { epoch: 1, step: 3 }, 6);
    await log(folder, format, { epoch: 1, step: 4 });
    expect(readdirSync(folder)).toEqual([format.name]);
    expect(readFileSync(join(folder, format.name)).equals(whole)).toBe(true);
  },
);

test('a log that is not there when the run is resumed begins then', async () => {
  const folder = newFolder();
  await log(folder, csv, { epoch: 2, step: 0 });
  expect(readFileSync(join(folder, csv.name), 'utf8')).toMatch(/^epoch,.*\n3,all,15,.*\n$/);
});

test('a file of another name that is this log is resumed', async () => {
  const folder = newFolder();
  await log(
    folder,
    tensorBoard('host', () => 5000),
    null,
    7,
  );
  await log(
    folder,
    tensorBoard('elsewhere', () => 9000),
    { epoch: 1, step: 0 },
  );
  expect(readdirSync(folder)).toEqual(['events.out.tfevents.5.host']);
});

test('of a file that is something else nothing is kept, and what is no plain file is neither cut nor written to', async () => {
  const folder = newFolder();
  writeFileSync(join(folder, csv.name), 'not a log\n');
  await log(folder, csv, { epoch: 0, step: 0 });
  expect(readFileSync(join(folder, csv.name)).equals(logOf(csv, runEvents(3)))).toBe(true);
  const victim = join(newFolder(), 'victim');
  writeFileSync(victim, 'precious\n');
  const place = join(folder, jsonLines.name);
  for (const [make, reason] of [
    [symlinkSync, 'it is a link, and links are not followed'],
    [linkSync, 'the file has another name elsewhere'],
  ] as const) {
    make(victim, place);
    await expect(log(folder, jsonLines, null)).rejects.toThrow(`Cannot write ${place}: ${reason}`);
    await expect(log(folder, jsonLines, { epoch: 0, step: 0 })).rejects.toThrow(place);
    expect(readFileSync(victim, 'utf8')).toBe('precious\n');
    rmSync(place);
  }
  execFileSync('mkfifo', [place]);
  await expect(log(folder, jsonLines, null)).rejects.toThrow('it is not an ordinary file');
});
