import { choiceProblem } from '@graft-ml/core/internal/base/choice';
import { UsageError } from '@graft-ml/core/internal/base/errors';
import { z } from 'zod';
import { publicSetNames } from '../../data/public/names.ts';
import { defineCommand } from '../command.ts';
import { downloadOptions } from '../download.ts';
import { downloadFlags } from '../options/download.ts';
import { printResult } from '../show/printer.ts';

export const dataGetCommand = defineCommand({
  arguments: [
    { syntax: '<name>', description: publicSetNames.join(', ') },
    { syntax: '[folder]', description: 'the new folder; default: the name' },
  ],
  options: z.strictObject(downloadFlags),
  goesOnUnread: () => true,
  examples: ['graft data get flowers102', 'graft data get pets data/pets --mirror /mnt/archives'],
  async run({ positionals: [name, folder], options, terminal }) {
    const { getPublicSet, publicSets } = await import('../../data/public/index.ts');
    const { publicSetResult } = await import('../show/public-sets.ts');
    const set = publicSets.find((each) => each.name === name);
    if (set === undefined) throw new UsageError(`data get:${choiceProblem(name!, publicSetNames)}`);
    const onImage = (done: number, total: number) => terminal.progress('unpacking images', done, Math.max(done, total));
    const got = await getPublicSet(set, folder ?? set.name, { ...downloadOptions(options, terminal), onImage });
    printResult(terminal, publicSetResult(set, got));
  },
});

export const dataListCommand = defineCommand({
  arguments: [],
  options: z.strictObject({}),
  examples: ['graft data list', 'graft data list --json'],
  async run({ terminal }) {
    const { publicSets } = await import('../../data/public/index.ts');
    const { publicSetsResult } = await import('../show/public-sets.ts');
    printResult(terminal, publicSetsResult(publicSets));
  },
});
