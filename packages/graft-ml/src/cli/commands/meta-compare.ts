import { UsageError } from '@graft-ml/core/internal/base/errors';
import type { CompareEvent } from '../../experiment/compare.ts';
import { newFolder } from '../begin.ts';
import { defineCommand } from '../command.ts';
import { longCall } from '../long-call.ts';
import { metaCompareTable } from '../options/meta-compare.ts';
import { assertNoneWithoutResume } from '../resume.ts';
import { progressOf } from '../show/printer.ts';

export const metaCompareCommand = defineCommand({
  ...metaCompareTable,
  goesOnUnread: () => true,
  async run({ positionals: [folder], options, given, terminal }) {
    const { learners, out, overwrite, resume, data, report, testEpisodes, offline, mirror, expectSha256, ...flags } =
      options;
    const { compareLearners, resumeComparison } = await import('../../experiment/compare.ts');
    const { contestantsOf } = await import('../contestants.ts');
    const { showRun } = await import('../show/run.ts');
    const { reported } = await import('../reported.ts');
    const command = 'graft meta compare';
    const call = () => ({
      ...longCall(terminal, { offline, mirror, expectSha256 }),
      onTest: progressOf(terminal, 'testing'),
    });
    const show = (events: AsyncIterable<CompareEvent>, signal: AbortSignal, path: string) =>
      reported(events, report ? { terminal, signal } : null, (told) => showRun(terminal, told, { command, out: path }));
    if (resume !== null) {
      const common = call();
      return show(resumeComparison(resume, { ...common, data: data ?? undefined }), common.signal, resume);
    }
    assertNoneWithoutResume('meta compare', given);
    if (folder === undefined)
      throw new UsageError('meta compare: which folder? `graft meta compare <folder>`, or --resume <comparison>.');
    const path = out ?? newFolder('compare');
    const contestants = await contestantsOf(learners, flags, given);
    const common = call();
    const events = compareLearners(folder, contestants, { ...common, out: path, overwrite, episodes: testEpisodes });
    await show(events, common.signal, path);
  },
});
