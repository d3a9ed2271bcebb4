import { UsageError } from '@graft-ml/core/internal/base/errors';
import { newFolder } from '../begin.ts';
import { defineCommand } from '../command.ts';
import { downloadOptions } from '../download.ts';
import { onInterrupt } from '../interrupt.ts';
import { sweepTable } from '../options/sweep.ts';

export const sweepCommand = defineCommand({
  ...sweepTable,
  goesOnUnread: () => true,
  async run({ positionals, options, given, terminal }) {
    const { resume, out } = options;
    const { resumeStudy, runStudy } = await import('../../study/run-study.ts');
    const { openSweepExecutor } = await import('../sweep-executor.ts');
    const { budgetOf, requestedStudy } = await import('../sweep-request.ts');
    const { showStudy } = await import('../show/sweep.ts');
    const { writeStudyPage } = await import('../reported.ts');
    if (resume !== null) {
      const kept = ['resume', 'trials', 'minutes', 'jobs', 'queue', 'store', 'offline', 'mirror', 'expectSha256'];
      const lost = given.filter((key) => !kept.includes(key));
      if (lost.length > 0 || positionals.length > 0) {
        const what = [...positionals, ...lost].join(', ');
        throw new UsageError(`sweep: --resume keeps the study's own options; leave out ${what}.`);
      }
    }
    const study = resume === null ? await requestedStudy(positionals, options) : null;
    const path = resume ?? out ?? newFolder('sweep');
    const signal = onInterrupt(terminal);
    await using opened = await openSweepExecutor(path, options, terminal);
    const call = { ...opened.call, download: downloadOptions(options, terminal), signal };
    const events = study
      ? runStudy(study, { ...call, out: path })
      : resumeStudy(path, { ...call, ...budgetOf(options) });
    if (await showStudy(terminal, events, path)) await writeStudyPage(terminal, path);
  },
});
