import { basename, dirname, resolve } from 'node:path';
import { z } from 'zod';
import { defineCommand } from '../command.ts';
import { unlessStopped } from '../long-call.ts';
import { optionalText } from '../options/download.ts';
import { modelFlags, parseDtypes } from '../options/export.ts';
import { cardFlags, cardFormatFlag, cardOptions } from '../options/hub.ts';
import { checkpointFlag } from '../options/shared.ts';
import { printResult } from '../show/printer.ts';

export const cardCommand = defineCommand({
  arguments: [{ syntax: '<run>', description: 'a run folder' }],
  options: z.strictObject({
    out: optionalText.describe('the file to write, which is replaced; default: standard output'),
    repo: optionalText.describe('repository on the hub, owner/name, from which the code in the card opens the model'),
    ...cardFormatFlag,
    ...modelFlags,
    ...cardFlags,
    ...checkpointFlag,
  }),
  goesOnUnread: ({ out }) => out !== null,
  examples: ['graft card runs/x', 'graft card runs/x --repo acme/flowers --licence mit --out README.md'],
  async run({
    positionals: [run],
    options: { out, repo, format, dtype, preprocessing, checkpoint, ...flags },
    terminal,
  }) {
    const { modelCard } = await import('../../export/model-card.ts');
    const { replaceFile, wrapWriteErrors } = await import('../../files/write.ts');
    const card = await unlessStopped(terminal, (signal) =>
      modelCard(run!, {
        ...cardOptions(flags),
        ...{ repo: repo ?? undefined, format, dtype: parseDtypes(dtype), preprocessing, checkpoint, signal },
        ...(out !== null && { folder: basename(dirname(resolve(out))) }),
        onProgress: ({ stage, done, total }) => terminal.progress(stage, done, total),
        onNote: (note) => terminal.note(note),
      }),
    );
    if (card === null) return;
    if (out === null) return printResult(terminal, { lines: [card.trimEnd()], json: { card } });
    await wrapWriteErrors(out, () => replaceFile(out, card));
    printResult(terminal, { lines: [`The model card is ${out}.`], json: { file: out } });
  },
});
