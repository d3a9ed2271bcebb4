import { choice } from '@graft-ml/core/internal/recipe/config/choice';
import { z } from 'zod';
import { defineCommand } from '../command.ts';
import { unlessStopped } from '../long-call.ts';
import { optionalText } from '../options/download.ts';
import { pullDtypes } from '../options/hub.ts';
import { pullResult } from '../show/hub.ts';
import { printResult } from '../show/printer.ts';

export const pullCommand = defineCommand({
  arguments: [
    {
      syntax: '<repo>',
      description: 'repository on the hub, owner/name or owner/name@revision (a branch, tag or commit)',
    },
  ],
  options: z.strictObject({
    out: optionalText.describe('the folder to make; default: the name of the repository'),
    dtype: choice(pullDtypes)
      .nullable()
      .default(null)
      .describe(`of several networks the one to take: ${pullDtypes.join(' | ')}; default: fp32, or the only one`),
    hubUrl: optionalText.describe('address of the hub; default: HF_ENDPOINT, or https://huggingface.co'),
  }),
  goesOnUnread: () => true,
  examples: ['graft pull acme/flowers', 'graft pull acme/flowers@v2 --out models/flowers'],
  async run({ positionals: [repo], options: { out, dtype, hubUrl }, terminal }) {
    const { pullModel } = await import('../../hub/pull-model.ts');
    const pulled = await unlessStopped(terminal, (signal) =>
      pullModel(repo!, {
        out: out ?? undefined,
        dtype: dtype ?? undefined,
        hubUrl: hubUrl ?? undefined,
        signal,
        onProgress: ({ stage, done, total }) => terminal.progress(stage, done, total),
      }),
    );
    if (pulled !== null) printResult(terminal, pullResult(pulled));
  },
});
