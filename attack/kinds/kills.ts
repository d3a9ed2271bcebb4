import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Case, Kind } from '../case.ts';
import { compareCheckpoints, nextCall, warmCache, writers } from '../writers.ts';

/** Names that a run folder has only while something is being written. */
const unfinished = /\.(part|tmp|lock)$|^\.|\.\d{6,}$/;

/** Killed once, twice or three times, at any moment, and resumed each time. */
export const kills: Kind = {
  name: 'kills',
  cases: writers.map(
    (writer): Case => ({
      label: writer.label,
      isDrawn: true,
      seconds: 90,
      play: async (stage) => {
        const { room, stream, graft, fail } = stage;
        warmCache(stage);
        const out = join(room.out, 'run');
        const next = () => nextCall(writer, stage, out);
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
        compareCheckpoints(writer.whole(stage), out, fail);
        const strange = readdirSync(out).filter((name) => unfinished.test(basename(name)));
        if (strange.length > 0) fail(`left ${strange.join(', ')}`);
      },
    }),
  ),
};
