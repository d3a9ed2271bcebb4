import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Case, Kind, Stage } from '../case.ts';
import { nastyTexts, pick } from '../make/damage.ts';
import { makePipe, makeSocket } from '../make/special.ts';
import { classNames, drawImage, drawImages, small } from '../stock.ts';

/** The folder of the sender is diagnosed, and trained on for an epoch. */
const folder = (label: string, make: (root: string, stage: Stage) => void | Promise<void>, isDrawn = false): Case => ({
  label,
  isDrawn,
  play: async (stage) => {
    const { room, graft } = stage;
    const root = drawImages(join(room.given, 'images'), 3);
    await make(root, stage);
    await graft(['doctor', root, '--json']);
    await graft(['train', root, ...small, '--epochs', '1', '--out', join(room.out, 'run')]);
  },
});

function put(root: string, ...path: string[]): void {
  const file = join(root, ...path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, drawImage(0, path.join('/').length));
}

/** What a folder or a file can be called. */
const names = nastyTexts.filter((text) => text !== '' && !/[\0/\ud800]/.test(text));

export const folders: Kind = {
  name: 'folders',
  cases: [
    folder('link-to-canary', (root, { room }) => symlinkSync(room.canary, join(root, 'link'))),
    folder('link-to-root', (root) => symlinkSync('/', join(root, 'all'))),
    folder('link-to-proc', (root) => symlinkSync('/proc/self', join(root, 'crimson', 'proc'))),
    folder('link-to-itself', (root) => symlinkSync('.', join(root, 'again'))),
    folder('link-above', (root) => symlinkSync('..', join(root, 'crimson', 'above'))),
    folder('link-of-class', (root) => symlinkSync(join(root, 'crimson'), join(root, 'other'))),
    folder('pipes', (root) => void classNames.map((name) => makePipe(join(root, name, 'p.png')))),
    folder('socket', (root) => makeSocket(join(root, 'crimson', 's.png'))),
    folder('devices', (root) => {
      for (const device of ['zero', 'full', 'random', 'tty', 'stdin'])
        symlinkSync(`/dev/${device}`, join(root, 'crimson', `${device}.png`));
    }),
    folder('deep', (root) => put(root, ...Array(120).fill('d'), 'x.png')),
    folder('folder-as-image', (root) => mkdirSync(join(root, 'crimson', 'x.png'))),
    folder('many-classes', (root) => {
      for (let i = 0; i < 1500; i++) put(root, `c${i}`, '0.png');
    }),
    folder('many-empty-files', (root) => {
      for (let i = 0; i < 3000; i++) writeFileSync(join(root, 'crimson', `e${i}.png`), '');
    }),
    folder('names-of-classes', (root) => {
      for (const name of names) for (const i of [0, 1, 2]) put(root, name, `${i}.png`);
    }),
    folder('names-of-files', (root) => {
      for (const name of names) put(root, 'crimson', `${name}.png`);
    }),
    folder('names-of-255-bytes', (root) => {
      put(root, 'c'.repeat(255), `${'f'.repeat(251)}.png`);
      put(root, 'c'.repeat(255), 'x.png');
    }),
    folder('names-of-parts', (root) => {
      for (const name of ['train', 'VAL', 'Test']) for (const i of [0, 1]) put(root, name, 'crimson', `${i}.png`);
    }),
    folder('names-no-text', (root) => {
      const path = Buffer.concat([
        Buffer.from(join(root, 'crimson')),
        Buffer.from([0x2f, 0xff, 0xfe, 0x80]),
        Buffer.from('.png'),
      ]);
      writeFileSync(path, drawImage(0, 1));
    }),
    folder('hidden', (root) => {
      put(root, '.git', 'x.png');
      put(root, '.graft', 'x.png');
      writeFileSync(join(root, 'crimson', '._x.png'), 'resource');
    }),
    folder(
      'drawn',
      (root, { stream, room }) => {
        for (let i = stream.integer(12); i >= 0; i--) {
          const parent = pick(stream, [root, ...classNames.map((name) => join(root, name))]);
          const path = join(parent, `${pick(stream, names)}${i}${pick(stream, ['', '.png', '.zip', '.csv'])}`);
          const kind = stream.integer(5);
          if (kind === 0) mkdirSync(path);
          else if (kind === 1) symlinkSync(pick(stream, [room.canary, '..', '/dev/zero', path, 'nowhere']), path);
          else if (kind === 2) makePipe(path);
          else if (kind === 3) writeFileSync(path, pick(stream, nastyTexts));
          else writeFileSync(path, drawImage(stream.integer(3), i + 10));
        }
      },
      true,
    ),
  ],
};
