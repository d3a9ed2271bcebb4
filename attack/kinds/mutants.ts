import type { Case, Kind } from '../case.ts';

/** Readers of `inside/mutants.ts`, and how many mutants of each are read in one process. */
const batches: Readonly<Record<string, number>> = {
  weights: 400,
  safetensors: 400,
  onnx: 400,
  'onnx-model': 60,
  image: 300,
  zip: 60,
  tar: 60,
  config: 500,
  words: 2000,
  logs: 500,
};

/** Mutants by the hundred, where starting the command line for each would take too long. */
export const mutants: Kind = {
  name: 'mutants',
  cases: Object.entries(batches).map(
    ([reader, count]): Case => ({
      label: reader,
      isDrawn: true,
      seconds: 60,
      play: async ({ room, stock, stream, inside, fail }) => {
        const seed = stream.integer(2 ** 31);
        const args = [reader, String(seed), '0', String(count), room.out, stock.root];
        const { stdout, status } = await inside('mutants', args, { ends: [0, 1] });
        if (status === 1) fail(stdout.toString('utf8').trim().split('\n').slice(0, 5).join('\n  '));
      },
    }),
  ),
};
