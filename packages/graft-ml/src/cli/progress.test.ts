import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { outcomeOf, program } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';

ownCache();

/** util-linux's `script` runs a command on a terminal of its own. */
const hasTerminal = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0;
if (!hasTerminal) console.info('progress.test.ts: skipped, for want of the command `script` of util-linux');

test.skipIf(!hasTerminal)(
  'on a terminal there is a bar that comes to its end, and the cursor is back afterwards',
  async () => {
    const root = temporaryFolder();
    await drawImages(join(root, 'shapes'), { perClass: 6 });
    const words = ['train', join(root, 'shapes'), 'model=conv4', 'epochs=2', 'threads=1', `out=${join(root, 'run')}`];
    const line = [process.execPath, program, ...words].map((word) => `'${word}'`).join(' ');
    const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null']);
    const { status, stdout } = await outcomeOf(child);
    expect(status).toBe(0);
    expect(stdout).toMatch(/checking images ■+ 100% · 18\/18 · [\d.]+\/s · 0:00 left/);
    expect(stdout).toMatch(/training ■+ 100% · 2\/2 · .* · epoch 2 of 2 · loss \d\.\d{3}/);
    expect(stdout).toMatch(/\r\n?epoch 2 of 2: loss \d\.\d{4}, validation loss/);
    const [hidden, shown] = ['\u001b[?25l', '\u001b[?25h'].map((code) => stdout.split(code).length - 1);
    expect(hidden).toBeGreaterThan(0);
    expect(shown).toBe(hidden);
    expect(stdout.lastIndexOf('\u001b[?25h')).toBeGreaterThan(stdout.lastIndexOf('\u001b[?25l'));
  },
);
