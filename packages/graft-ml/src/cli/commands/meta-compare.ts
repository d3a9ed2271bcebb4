import { basename, extname } from 'node:path';
import { choiceError } from '@graft-ml/core/internal/base/choice';
import { UsageError } from '@graft-ml/core/internal/base/errors';
import {
  learnerNames,
  metaConfigGroups,
  metaConfigSchema,
  parseMetaConfig,
  presetNames,
  withoutIgnored,
} from '@graft-ml/core/internal/recipe/meta/index';
import { z } from 'zod';
import { type Contestant, compareLearners, resumeComparison } from '../../experiment/compare.ts';
import { comparisonCells } from '../../experiment/comparison.ts';
import { metaRuns } from '../../meta/meta-run.ts';
import { readConfigFileOf } from '../../runs/config-file.ts';
import { metaTable } from '../../text/config-text.ts';
import type { Preparation } from '../../transfer/prepare.ts';
import { defineCommand } from '../command.ts';
import { downloadFlags, downloadOptions } from '../download.ts';
import { onInterrupt } from '../interrupt.ts';
import { dataFlag, refuseWithoutResume } from '../resume.ts';
import { whatIsLeft } from '../run-files.ts';
import { table } from '../terminal.ts';
import { type ShownMeta, showMeta } from './meta-train.ts';

const { learner: _, ...sharedOptions } = metaConfigSchema.shape;

/** What is compared, and where that is written. */
const comparisonOptions = {
  learners: z
    .string()
    .default('maml,fomaml,anil,boil,meta-sgd,maml++,reptile,protonet')
    .describe(
      'with commas between them: learners, or files of options for one (YAML, JSON, a run.json), which come before the flags',
    ),
  out: z
    .string()
    .nullable()
    .default(null)
    .describe('the folder for the runs and the table; default: runs/compare-<time>'),
  overwrite: z.boolean().default(false).describe('replace the comparison that stands there'),
  resume: z.string().nullable().default(null).describe('go on with this comparison'),
  ...dataFlag,
  testEpisodes: z.int().min(2).max(1_000_000).default(600).describe('episodes of test classes'),
};

const compareOptions = z.strictObject({ ...comparisonOptions, ...sharedOptions, ...downloadFlags });

export const metaCompareCommand = defineCommand({
  arguments: [{ syntax: '[folder]', description: 'class folders, as for graft meta train' }],
  options: compareOptions,
  groups: { comparison: comparisonOptions, ...metaConfigGroups, downloads: downloadFlags },
  basic: {
    learners: 'learners, or files of options for one, with commas between them',
    model: 'architecture or published weights; `graft models` lists them (default: conv4_32)',
    way: 'classes of an episode',
    shots: 'images of each class in the support set',
    queries: 'images of each class in the query set',
    metaSteps: 'steps of the outer loop',
    testEpisodes: 'episodes of test classes',
    split: 'which classes train, validate and test: auto, 60/20/20%, 1100/100/423 or a folder',
    out: 'the folder to write (default: runs/compare-<time>)',
    resume: 'continue this comparison where it stopped',
  },
  takesSettings: 'graft meta config',
  goesOnUnread: () => true,
  examples: [
    'graft meta compare omniglot/ --learners maml,boil,protonet --meta-steps 1000 --out runs/compare',
    'graft meta compare omniglot/ --learners cnn-maml,cnn-boil,resnet-maml,resnet-boil --split Futurama:16/5/5',
    'graft meta compare photos/ --learners maml,reptile.yaml,nearest-centroid --model resnet18',
    'graft meta compare --resume runs/compare',
  ],
  async run({ positionals: [folder], options, given, terminal }) {
    const { learners, out, overwrite, resume, data, testEpisodes, offline, mirror, expectSha256, ...flags } = options;
    if (resume === null) refuseWithoutResume('meta compare', given);
    const common = {
      signal: onInterrupt(terminal),
      download: downloadOptions({ offline, mirror, expectSha256 }, terminal),
      onPreparation: ({ stage, done, total }: Preparation) => terminal.progress(stage, done, total),
      onTest: (done: number, total: number) => terminal.progress('testing', done, total),
    };
    if (folder === undefined && resume === null)
      throw new UsageError('meta compare: which folder? `graft meta compare <folder>`, or --resume <comparison>.');
    const path = resume ?? out ?? `runs/compare-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}`;
    const events =
      resume === null
        ? compareLearners(folder!, await contestantsOf(learners, flags, given), {
            ...{ ...common, out: path, overwrite, episodes: testEpisodes },
          })
        : resumeComparison(resume, { ...common, data: data ?? undefined });
    const onTheWay = { ...terminal, print: terminal.note };
    let shown: ShownMeta = { out: path, epochs: 0, result: undefined };
    try {
      for await (const event of events) {
        if (event.kind === 'contestant') {
          shown = { out: event.out, epochs: 0, result: undefined };
          terminal.note(`\n${event.name}: ${event.index} of ${event.of}`);
        } else if (event.kind === 'comparison') {
          const { head, rows } = comparisonCells(event);
          terminal.print(table(head, rows));
          terminal.print(
            `\n(${event.episodes} episodes of test classes, ± 95 % interval) Runs, table and chart are in ${path}`,
          );
          const { kind: __, ...result } = event;
          shown.result = result;
        } else showMeta(event, shown, onTheWay, `graft meta compare --resume ${path}`);
      }
    } catch (error) {
      if (shown.epochs > 0) terminal.note(await whatIsLeft(shown.out, `graft meta compare --resume ${path}`, error));
      throw error;
    }
    terminal.printJson(shown.result);
  },
});

/** Learners by name with the flags that they look at, or with the options of a file above the flags. */
async function contestantsOf(
  list: string,
  flags: Omit<z.output<typeof metaConfigSchema>, 'learner'>,
  given: readonly string[],
): Promise<Contestant[]> {
  const contestants = list.split(',').map(async (item): Promise<Contestant> => {
    const text = item.trim();
    if (!/\.(ya?ml|json)$/i.test(text)) {
      const names = [...learnerNames, ...presetNames];
      const learner = names.find((name) => name === text);
      if (learner === undefined) throw choiceError('learners', text, names);
      return { name: text, config: withoutIgnored({ ...flags, learner }) };
    }
    const { values } = await readConfigFileOf(text, metaTable, metaRuns, given);
    return { name: basename(text, extname(text)), config: parseMetaConfig({ ...flags, ...values }) };
  });
  const all = await Promise.all(contestants);
  const unused = given.find((key) => {
    const value = flags[key as keyof typeof flags];
    return key in flags && value !== null && all.every(({ config }) => config[key as keyof typeof config] === null);
  });
  if (unused !== undefined) throw new UsageError(`meta compare: ${unused} means nothing to ${list}. Leave it out.`);
  return all;
}
