import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Case, Kind, Stage } from '../case.ts';
import { copyOf, metaTraining, training } from '../stock.ts';

/** What is killed, how it goes on, and the run that it has to become. */
interface Killed {
  readonly label: string;
  readonly begin: (stage: Stage, out: string) => readonly string[];
  /** Null: it is begun again. */
  readonly goOn: ((out: string) => readonly string[]) | null;
  readonly whole: (stage: Stage) => string;
}

const many = ({ stock }: Stage) => join(stock.root, 'many');

const killed: readonly Killed[] = [
  {
    label: 'train',
    begin: ({ stock }, out) => ['train', stock.images, ...training, '--out', out, '--overwrite'],
    goOn: (out) => ['train', '--resume', out],
    whole: ({ stock }) => stock.run,
  },
  {
    label: 'meta-train',
    begin: (stage, out) => ['meta', 'train', many(stage), ...metaTraining, '--out', out, '--overwrite'],
    goOn: (out) => ['meta', 'train', '--resume', out],
    whole: ({ stock }) => stock.metaRun,
  },
  {
    label: 'meta-adapt',
    begin: ({ stock }, out) => [
      'meta',
      'adapt',
      stock.metaRun,
      stock.images,
      '--shots',
      '2',
      '--out',
      out,
      '--overwrite',
    ],
    goOn: null,
    whole: ({ stock }) => stock.adapted,
  },
];

/** Both hold the same numbers. */
function compare(whole: string, run: string, fail: (reason: string) => void): void {
  for (const name of readdirSync(whole).filter((file) => file.endsWith('.safetensors'))) {
    if (!existsSync(join(run, name))) fail(`${name} is missing`);
    else if (!readFileSync(join(run, name)).equals(readFileSync(join(whole, name)))) {
      fail(`${name} is not what it is without kills`);
    }
  }
  const strange = readdirSync(run).filter((name) => /\.(part|tmp|lock)$|^\.|\.\d{6,}$/.test(basename(name)));
  if (strange.length > 0) fail(`left ${strange.join(', ')}`);
}

/** Killed once, twice or three times, at any moment, and gone on with each time. */
export const kills: Kind = {
  name: 'kills',
  cases: killed.map(
    ({ label, begin, goOn, whole }): Case => ({
      label,
      isDrawn: true,
      seconds: 90,
      play: async (stage) => {
        const { room, stock, stream, graft, fail } = stage;
        rmSync(room.cache, { recursive: true });
        copyOf(stock.cache, room.cache);
        const out = join(room.out, 'run');
        const next = () => (goOn && existsSync(join(out, 'last.safetensors')) ? goOn(out) : begin(stage, out));
        for (let i = stream.integer(3); i >= 0; i--) {
          // A third of them before the first step: while images are read, the run is made, or programs are built.
          const after =
            stream.uniform() < 0.33
              ? { milliseconds: 2000 * stream.uniform() }
              : { text: '(', milliseconds: 900 * stream.uniform() };
          await graft(next(), { ends: [0, 1], kill: { signal: 'SIGKILL', after } });
        }
        const last = await graft(next(), { ends: [0, 1] });
        // The last kill may have come after the end.
        if (last.status === 1 && !last.stderr.includes('is complete')) fail('it does not go on');
        compare(whole(stage), out, fail);
      },
    }),
  ),
};
