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
    const {
      learners,
      out,
      overwrite,
      resume,
      data,
      report,
      testEpisodes,
      offline,
      mirror,
      expectSha256,
      jobs,
      queue,
      store,
      ...flags
    } = options;
    const { compareLearners, resumeComparison } = await import('../../experiment/compare.ts');
    const { contestantsOf } = await import('../contestants.ts');
    const { showRun } = await import('../show/run.ts');
    const { reported } = await import('../reported.ts');
    const { withExecutor } = await import('../open-farm.ts');
    const command = 'graft meta compare';
    const call = () => ({
      ...longCall(terminal, { offline, mirror, expectSha256 }),
      onTest: progressOf(terminal, 'testing'),
    });
    const show = (events: AsyncIterable<CompareEvent>, signal: AbortSignal, path: string) =>
      reported(events, report ? { terminal, signal } : null, (told) => showRun(terminal, told, { command, out: path }));
    const places = { jobs, queue, store };
    if (resume !== null) {
      const common = call();
      return withExecutor(places, { out: resume, terminal }, (executor) =>
        show(resumeComparison(resume, { ...common, executor, data: data ?? undefined }), common.signal, resume),
      );
    }
    assertNoneWithoutResume('meta compare', given);
    if (folder === undefined)
      throw new UsageError('meta compare: which folder? `graft meta compare <folder>`, or --resume <comparison>.');
    const path = out ?? newFolder('compare');
    // A process for each core has one thread.
    const threads = flags.threads ?? (jobs !== null || queue !== null ? 1 : null);
    const contestants = await contestantsOf(learners, { ...flags, threads }, given);
    const common = { ...call(), out: path, overwrite, episodes: testEpisodes };
    await withExecutor(places, { out: path, terminal }, (executor) =>
      show(compareLearners(folder, contestants, { ...common, executor }), common.signal, path),
    );
  },
});
