import { UsageError } from '@graft-ml/core/internal/base/errors';
import { formatNumber } from '@graft-ml/core/internal/chart/index';
import { defineCommand } from '../command.ts';
import { longCall, unlessStopped } from '../long-call.ts';
import { findLrTable } from '../options/find-lr.ts';
import { printResult } from '../show/printer.ts';
import { ratesResult } from '../show/rates.ts';

export const findLrCommand = defineCommand({
  ...findLrTable,
  goesOnUnread: () => true,
  async run({ positionals: [folder], options, terminal }) {
    const { out, from, to, steps, offline, mirror, expectSha256, ...config } = options;
    if (from >= to) throw new UsageError(`find-lr: --from ${from} is not below --to ${to}.`);
    const { findFolderRate, rateChart, writeRateChart } = await import('../../transfer/find-rate.ts');
    const found = await unlessStopped(terminal, (signal) =>
      findFolderRate(folder!, config, {
        from,
        to,
        steps,
        ...longCall(terminal, { offline, mirror, expectSha256 }, signal),
        onStep: ({ step, learningRate, loss }) => {
          const detail = `rate ${formatNumber(learningRate)} · loss ${loss.toFixed(3)}`;
          terminal.progress('taking steps', step, steps, detail);
        },
      }),
    );
    if (found === null) return;
    printResult(terminal, ratesResult(found, rateChart(found), out));
    if (out !== null) await writeRateChart(out, found);
  },
});
