import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Case, CommandOptions, Kind, Stage } from '../case.ts';
import { readRunFile, small } from '../stock.ts';

const long = [...small, '--epochs', '40', '--seed', '7'];
const everyEnd = [0, 1, 2, 129, 130, 131, 141, 143];

/** Nothing of a lock is left, and status 0 means that the run is complete. */
function check({ room, fail }: Stage, status: number | null): void {
  const run = join(room.out, 'run');
  if (!existsSync(run)) return;
  const locks = readdirSync(run).filter((name) => name.includes('lock'));
  if (locks.length > 0) fail(`left ${locks.join(', ')} in the run`);
  if (!existsSync(join(run, 'run.json'))) return;
  const { status: state } = readRunFile(run);
  if (status === 0 && state !== 'done') fail(`status 0, and the run is ${String(state)}`);
}

const sink = (label: string, options: CommandOptions): Case => ({
  label,
  play: async (stage) => {
    const { room, stock, graft } = stage;
    const { status } = await graft(['train', stock.images, ...long, '--out', join(room.out, 'run')], {
      ends: everyEnd,
      ...options,
    });
    check(stage, status);
  },
});

/** The line before the first step. */
const begun = 'training (';

const signals = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map(
  (signal): Case => ({
    label: signal,
    isDrawn: true,
    play: async (stage) => {
      const { room, stock, stream, graft, fail } = stage;
      const out = join(room.out, 'run');
      const after = { text: begun, milliseconds: Math.round(700 * stream.uniform()) };
      const {
        status,
        wasKilled,
        signal: ended,
      } = await graft(['train', stock.images, ...long, '--out', out], { ends: everyEnd, kill: { signal, after } });
      if (ended !== null) fail(`${signal} was not handled`);
      if (wasKilled && status === 1) fail(`${signal} ended it with status 1`);
      check(stage, status);
      if (wasKilled && status !== 0) await graft(['train', '--resume', out], { ends: [0] });
    },
  }),
);

const shown: readonly (readonly string[])[] = [
  ['--help'],
  ['models', '--pretrained'],
  ['config'],
  ['inspect', 'resnet50'],
];

export const endings: Kind = {
  name: 'endings',
  cases: [
    sink('stdout-leaves', { stdout: 'leaves' }),
    sink('stderr-leaves', { stderr: 'leaves' }),
    sink('both-leave', { stdout: 'leaves', stderr: 'leaves' }),
    sink('stdout-full', { stdout: 'full' }),
    sink('stderr-full', { stderr: 'full' }),
    sink('stdout-closed', { stdout: 'closed' }),
    sink('stderr-closed', { stderr: 'closed' }),
    sink('both-closed', { stdout: 'closed', stderr: 'closed' }),
    ...shown.flatMap((args) =>
      (['leaves', 'full', 'closed'] as const).map((stdout) => ({
        label: `${args.join('-').replace(/^-+/, '')}-${stdout}`,
        play: async ({ graft }: Stage) => void (await graft(args, { ends: everyEnd, stdout })),
      })),
    ),
    ...signals,
  ],
};
