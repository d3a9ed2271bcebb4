import { shapeOptionsOf } from '../../data/configured.ts';
import { candidatesIn } from '../candidates.ts';
import { defineCommand } from '../command.ts';
import { downloadOptions } from '../download.ts';
import { unlessStopped } from '../long-call.ts';
import { rankTable } from '../options/rank.ts';
import { printResult } from '../show/printer.ts';
import { rankResult } from '../show/rank.ts';

export const rankCommand = defineCommand({
  ...rankTable,
  async run({ positionals: [folder], options, terminal }) {
    const { models, by, images, folds, neighbours, seed, device, ...others } = options;
    const { imageSize, classDepth, offline, mirror, ...shape } = others;
    const candidates = candidatesIn(models);
    const { rankModels } = await import('../../experiment/rank-models.ts');
    const ranking = await unlessStopped(terminal, (signal) =>
      rankModels(folder!, {
        ...{ models: candidates, by, images, folds, neighbours, seed, device },
        ...{ classDepth, ...shapeOptionsOf(shape), signal },
        ...(imageSize !== null && { imageSize }),
        download: downloadOptions({ offline, mirror, expectSha256: null }, terminal),
        onProgress: ({ stage, model, done, total }) => terminal.progress(stage, done, total, model ?? undefined),
        onNote: (note) => terminal.note(note),
      }),
    );
    if (ranking === null) return;
    printResult(terminal, rankResult(ranking));
    if (ranking.models.length === 0) process.exitCode = 1;
  },
});
