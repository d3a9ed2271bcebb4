import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'graft-quickstart-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the quickstart trains, compares and predicts', { timeout: 600_000 }, () => {
  const script = join(root, 'dist', 'examples', 'quickstart.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { cwd: folder, encoding: 'utf8' });
  expect(stderr).toContain('1000 to validate');
  expect(status).toBe(0);
  const best = (run: string): number =>
    JSON.parse(readFileSync(join(folder, 'runs', 'quickstart', run, 'run.json'), 'utf8')).best.accuracy;
  // Guessing gives 10 %.
  expect(best('grafted')).toBeGreaterThan(0.9);
  expect(best('scratch')).toBeGreaterThan(0.8);
  expect(stdout).toContain(`with the pretrained backbone  ${(100 * best('grafted')).toFixed(1)} %`);
  expect(stdout).toContain(`from scratch                  ${(100 * best('scratch')).toFixed(1)} %`);
  expect(stdout.match(/val\/[358]\/0\d+\.png/g)?.length).toBe(6); // the command shown, and its answers
});

test('every example is short and says first what it shows', () => {
  const lines = readFileSync(join(root, 'examples', 'quickstart.ts'), 'utf8').split('\n');
  expect(lines.length).toBeLessThanOrEqual(81);
  expect(lines[0]).toBe('/*');
});
