import { cpSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { graft } from '../../../../test/graft.ts';
import { drawImages, temporaryFolder } from '../../../../test/images.ts';

const root = temporaryFolder();

test('doctor: a report, JSON, a clean copy; findings are a failure with --strict alone', async () => {
  const folder = await drawImages(join(root, 'shapes'), { perClass: 7, side: 48 });
  const sound = await graft(['doctor', folder, '--strict']);
  expect([sound.status, sound.stdout]).toEqual([
    0,
    expect.stringMatching(/not divided into splits\.\n\nNothing is wrong\.\n$/),
  ]);
  expect(sound.stderr).toBe('examining images (21)\n');

  cpSync(join(folder, 'disc/001.png'), join(folder, 'cross/x.png'));
  renameSync(join(folder, 'disc/002.png'), join(folder, 'disc/002.jpg'));
  const report = await graft(['doctor', folder]);
  expect([report.status, report.stdout]).toEqual([
    0,
    expect.stringContaining('2 findings: 1 serious, 1 warning, 0 notes'),
  ]);
  expect((await graft(['doctor', folder, '--strict'])).status).toBe(1);

  const clean = join(root, 'clean');
  const { status, stdout } = await graft(['doctor', folder, '--fix-to', clean, '--json']);
  const { findings, copy } = JSON.parse(stdout);
  expect(status).toBe(0);
  expect(findings).toEqual([
    {
      severity: 'serious',
      kind: 'conflicting-labels',
      paths: ['cross/x.png', 'disc/001.png'],
      message: '2 files in cross, disc',
    },
    { severity: 'warning', kind: 'wrong-extension', paths: ['disc/002.jpg'], message: 'the content is png' },
  ]);
  expect(copy).toEqual({
    folder: clean,
    images: 20,
    renamed: [{ from: 'disc/002.jpg', to: 'disc/002.png' }],
    leftOut: ['cross/x.png', 'disc/001.png'].map((path) => ({ path, kind: 'conflicting-labels' })),
  });
  expect(existsSync(join(clean, 'disc/002.png'))).toBe(true);
  const again = await graft(['doctor', folder, '--fix-to', clean]);
  expect([again.status, again.stderr]).toEqual([1, `graft: ${clean} is not empty. Name a new folder.\n`]);
  expect((await graft(['doctor', folder, '--near'])).status).toBe(2);
});

test('a folder without a usable image is a failure, and offers no clean copy', async () => {
  const folder = join(root, 'texts');
  for (const name of ['a', 'b']) {
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, 'x.jpg'), 'a text');
  }
  const { status, stdout } = await graft(['doctor', folder]);
  expect(status).toBe(1);
  expect(stdout).toContain('There is no image to train on.');
  expect(stdout).not.toContain('--fix-to');
});
