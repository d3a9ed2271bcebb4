import { choiceProblem } from '@graft-ml/core/internal/base/choice';
import { UsageError } from '@graft-ml/core/internal/base/errors';
import { z } from 'zod';
import { publicSets } from '../../data/public/sets.ts';
import { defineCommand } from '../command.ts';
import { downloadOptions } from '../download.ts';
import { downloadFlags } from '../options/shared.ts';
import { table } from '../show/format.ts';

export const dataGetCommand = defineCommand({
  arguments: [
    { syntax: '<name>', description: publicSets.map(({ name }) => name).join(', ') },
    { syntax: '[folder]', description: 'the new folder; default: the name' },
  ],
  options: z.strictObject(downloadFlags),
  goesOnUnread: () => true,
  examples: ['graft data get flowers102', 'graft data get pets data/pets --mirror /mnt/archives'],
  async run({ positionals: [name, folder], options, terminal }) {
    const { getPublicSet } = await import('../../data/public/get-set.ts');
    const names = publicSets.map((one) => one.name);
    const set = publicSets[names.indexOf(name!)];
    if (set === undefined) throw new UsageError(`data get${choiceProblem(name!, names)}`);
    const onImage = (done: number, total: number) => terminal.progress('unpacking images', done, Math.max(done, total));
    const got = await getPublicSet(set, folder ?? set.name, { ...downloadOptions(options, terminal), onImage });
    terminal.print(`${got.folder}: ${got.images} images, ${set.layout}. The archives stay in ${got.files.join(', ')}`);
    if (set.files.some(({ checksum }) => !checksum))
      terminal.note('Its publisher states no checksum: from now on it must be what was downloaded first.');
    terminal.printJson({ name: set.name, ...got });
  },
});

export const dataListCommand = defineCommand({
  arguments: [],
  options: z.strictObject({}),
  examples: ['graft data list', 'graft data list --json'],
  async run({ terminal }) {
    const rows = publicSets.map((set) => {
      const megabytes = set.files.reduce((sum, file) => sum + file.megabytes, 0);
      return [
        set.name,
        set.images.toLocaleString('en'),
        set.classes,
        megabytes,
        set.licence ?? 'not stated',
        set.title,
      ];
    });
    terminal.print(table(['name', 'images', 'classes', 'MB', 'licence', ''], rows));
    terminal.printJson(publicSets.map(({ arrange: _, ...facts }) => facts));
  },
});
