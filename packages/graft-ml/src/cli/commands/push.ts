import { UsageError } from '@graft-ml/core/internal/base/errors';
import { choice } from '@graft-ml/core/internal/recipe/config/choice';
import { z } from 'zod';
import { defineCommand } from '../command.ts';
import { onInterrupt } from '../interrupt.ts';
import { optionalText } from '../options/download.ts';
import { maxDropFlag, modelFlags, parseDtypes } from '../options/export.ts';
import { cardFlags, cardOptions, pushFormats } from '../options/hub.ts';
import { checkpointFlag } from '../options/shared.ts';
import { pushResult } from '../show/hub.ts';
import { printResult } from '../show/printer.ts';

export const pushCommand = defineCommand({
  arguments: [
    { syntax: '<run>', description: 'a run folder' },
    { syntax: '<repo>', description: 'repository on the hub, owner/name, which is made where it is missing' },
  ],
  options: z.strictObject({
    private: z.boolean().default(false).describe('the repository is private; a new one is, unless --public is given'),
    public: z.boolean().default(false).describe('the repository is public: everyone can see the model'),
    dryRun: z.boolean().default(false).describe('make the files and list them, without asking the hub'),
    message: optionalText.describe('title of the commit'),
    branch: z.string().default('main').describe('branch, which is made where it is missing'),
    format: choice(pushFormats)
      .nullable()
      .default(null)
      .describe(
        `form of the model: ${pushFormats.join(' | ')}; default: hf, and for a run of meta-learning run, what Graft needs to go on with it`,
      ),
    ...modelFlags,
    ...maxDropFlag,
    hubUrl: optionalText.describe('address of the hub; default: HF_ENDPOINT, or https://huggingface.co'),
    ...cardFlags,
    ...checkpointFlag,
  }),
  goesOnUnread: () => true,
  examples: [
    'graft push runs/x acme/flowers --dry-run',
    'graft push runs/x acme/flowers --licence mit --message "First version"',
    'graft push runs/x acme/flowers --public --branch v2',
    'graft push runs/x acme/flowers --dtype fp32,fp16,int8',
  ],
  async run({ positionals: [run, repo], options, terminal }) {
    const { private: isPrivate, public: isPublic, message, branch, format, hubUrl, ...others } = options;
    const { dryRun, dtype, preprocessing, maxDrop, checkpoint, ...flags } = others;
    if (isPrivate && isPublic) throw new UsageError('push: --private or --public?');
    const { pushModel } = await import('../../hub/push-model.ts');
    const signal = onInterrupt(terminal);
    try {
      const pushed = await pushModel(run!, repo!, {
        ...cardOptions(flags),
        ...{ dryRun, branch, dtype: parseDtypes(dtype), preprocessing, maxDrop, checkpoint, signal },
        format: format ?? undefined,
        message: message ?? undefined,
        hubUrl: hubUrl ?? undefined,
        ...(isPrivate && { visibility: 'private' }),
        ...(isPublic && { visibility: 'public' }),
        onProgress: ({ stage, done, total }) => terminal.progress(stage, done, total),
        onNote: (note) => terminal.note(note),
      });
      printResult(terminal, pushResult(pushed));
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error;
      terminal.print('Stopped. Nothing was committed.');
    }
  },
});
