import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { graft, type Outcome, outcomeOf, program, startGraft, written } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun } from '../../../../test/runs.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const whole = join(root, 'whole');
const flags = ['--model', 'conv4', '--epochs', '12', '--batch-size', '4', '--threads', '1'];

beforeAll(async () => {
  await drawImages(shapes, { perClass: 8 });
  expect((await graft(['train', shapes, ...flags, '--out', whole])).status).toBe(0);
});

/** A line of bash in which "$graft" is the command; it writes the statuses of a pipeline with `echo status ...`. */
function shell(line: string, variables: Record<string, string> = {}): Promise<Outcome> {
  const text = `graft() { '${process.execPath}' '${program}' "$@"; }\n${line}`;
  return outcomeOf(spawn('bash', ['-c', text], { env: { ...process.env, ...variables } }));
}

const statusOf = (run: string) => JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')).status;
const isFull = existsSync('/dev/full');

describe('nobody reads any more', () => {
  test('training goes on to its end, leaves no lock, and its status is not 0', async () => {
    const out = join(root, 'head');
    const line = `graft train "$shapes" ${flags.join(' ')} --out "$out" 2>&1 | head -12; echo "status \${PIPESTATUS[0]}"`;
    const { stdout } = await shell(line, { shapes, out });
    expect(stdout).toContain('epoch 3 of 12');
    expect(stdout).not.toContain('epoch 5 of 12');
    expect(stdout).toMatch(/status 141\n$/);
    expect(statusOf(out)).toBe('done');
    expectSameRun(whole, out);
    expect(existsSync(join(out, 'run.lock'))).toBe(false);
  });

  test('of progress alone: the result is told, and the status is 0', async () => {
    const out = join(root, 'progress');
    const line = `graft train "$shapes" ${flags.join(' ')} --out "$out" 2> >(head -3 >&2)`;
    const { status, stdout } = await shell(line, { shapes, out });
    expect([status, stdout]).toEqual([0, expect.stringContaining('Best validation accuracy')]);
    expectSameRun(whole, out);
  });

  test('a list ends at once, as other commands do', async () => {
    const { stdout, stderr } = await shell(`graft inspect resnet152 | head -1; echo "status \${PIPESTATUS[0]}"`);
    expect(stderr).toBe('');
    expect(stdout.split('\n')).toHaveLength(3);
    expect(stdout).toMatch(/^name .*\nstatus (141|0)\n$/); // 0 where all was in the pipe before it closed
  });
});

describe.skipIf(!isFull)('/dev/full', () => {
  test.each([
    ['stdout', '>', 'stderr'],
    ['stderr', '2>', 'stdout'],
  ] as const)('as %s of training: the run is complete, a sentence, status 1', async (name, redirection, other) => {
    const out = join(root, name);
    const line = `graft train "$shapes" ${flags.join(' ')} --out "$out" ${redirection}/dev/full`;
    const outcome = await shell(line, { shapes, out });
    expect(outcome.status).toBe(1);
    expect(outcome[other]).toContain(`graft: ${name} could not be written to (ENOSPC`);
    expect(outcome.stdout + outcome.stderr).not.toContain('    at ');
    expectSameRun(whole, out);
    expect(existsSync(join(out, 'run.lock'))).toBe(false);
  });

  test('as stdout of a list: a sentence, status 1; as both: status 1', async () => {
    const { status, stdout, stderr } = await shell('graft models >/dev/full');
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toBe('graft: stdout could not be written to (ENOSPC: no space left on device, write).\n');
    expect(await shell('graft models >/dev/full 2>&1')).toEqual({ status: 1, stdout: '', stderr: '' });
  });
});

test('SIGHUP, twice, as a closed terminal sends it: a checkpoint, no lock, and the run goes on', async () => {
  const out = join(root, 'hangup');
  const { child, done } = startGraft(['train', shapes, ...flags, '--out', out]);
  await written(child, 'epoch 1 of');
  child.kill('SIGHUP');
  await Promise.race([written(child, 'Stopping'), done]);
  child.kill('SIGHUP');
  const { status, stdout } = await done;
  expect([status, stdout]).toEqual([129, expect.stringContaining('Go on with: graft train --resume')]);
  expect(statusOf(out)).toBe('interrupted');
  expect(existsSync(join(out, 'run.lock'))).toBe(false);
  expect((await graft(['train', '--resume', out])).status).toBe(0);
  expectSameRun(whole, out);
});

test('ended at once by a second SIGTERM, a run leaves no lock', async () => {
  const out = join(root, 'terminated');
  const { child, done } = startGraft(['train', shapes, ...flags, '--epochs', '400', '--out', out]);
  await written(child, 'epoch 1 of');
  child.kill('SIGTERM');
  child.kill('SIGINT');
  const { status } = await done;
  expect([130, 143]).toContain(status);
  expect(existsSync(join(out, 'run.lock'))).toBe(false);
});
