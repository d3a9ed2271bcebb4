import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { program } from '../../../../test/graft.ts';
import { availableCores } from './own-process.ts';

describe('the cores to compute on', () => {
  afterEach(() => void vi.unstubAllEnvs());

  test.each(['', undefined])('are those of the process where GRAFT_THREADS is %o', (value) => {
    vi.stubEnv('GRAFT_THREADS', value);
    expect(availableCores()).toBe(availableParallelism());
  });

  test.each(['1', '3', '256'])('are %s where GRAFT_THREADS says so', (value) => {
    vi.stubEnv('GRAFT_THREADS', value);
    expect(availableCores()).toBe(Number(value));
  });

  test.each(['0', '-1', '257', '2.5', '1e1', 'all', '\u001b[2J'])('are not %j', (value) => {
    vi.stubEnv('GRAFT_THREADS', value);
    expect(availableCores).toThrow(UserError);
    expect(availableCores).toThrow(/^GRAFT_THREADS is [ -~]*, expected a whole number from 1 to 256\.$/);
  });

  test('of a command are what its environment says', () => {
    const run = (threads: string) =>
      spawnSync(process.execPath, [program, 'doctor', '--machine', '--json'], {
        env: { ...process.env, GRAFT_THREADS: threads },
        encoding: 'utf8',
      });
    expect(JSON.parse(run('3').stdout)).toMatchObject({ cores: availableParallelism(), threads: 3 });
    const { status, stderr } = run('many');
    expect(status).toBe(1);
    expect(stderr).toContain('GRAFT_THREADS is many, expected a whole number from 1 to 256.');
  });
});
