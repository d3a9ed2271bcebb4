import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { campaign, findCase, play, type Result } from './campaign.ts';
import { kinds } from './kinds/index.ts';
import { formatReport, reportJson } from './report.ts';
import { changes, snapshot } from './room.ts';
import { makeStock, type Stock } from './stock.ts';

const help = `npm run attack -- [options]

Attacks the built command line with files, folders, servers, kills and faults, and judges how it bears them.

  --seconds N    no case begins later (default: 600)
  --seed N       decides everything that is drawn (default: 0)
  --kind NAME    only this kind; may be given more than once
  --case NAME    only this case, as the table of failures names it
  --jobs N       cases side by side (default: 2, on one core 1)
  --keep         keep the folders of cases that failed
  --list         names of the cases
  --json         everything as JSON on stdout`;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    seed: { type: 'string', default: '0' },
    kind: { type: 'string', multiple: true },
    case: { type: 'string' },
    jobs: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    keep: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** @throws Error where it is none */
function whole(name: 'seconds' | 'seed' | 'jobs'): number {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`attack: --${name} should be a whole number.`);
  return value;
}

async function main(): Promise<number> {
  if (values.help) {
    console.log(help);
    return 0;
  }
  if (values.list) {
    for (const { name, cases } of kinds) for (const { label } of cases) console.log(`${name}/${label}`);
    return 0;
  }
  const seed = whole('seed');
  const planned = values.case === undefined ? undefined : findCase(kinds, values.case);
  if (values.case !== undefined && !planned) throw new Error(`attack: there is no case "${values.case}": see --list.`);
  const chosen = kinds.filter(({ name }) => !values.kind || values.kind.includes(name));
  if (chosen.length === 0)
    throw new Error(`attack: --kind should be one of ${kinds.map(({ name }) => name).join(', ')}.`);
  const scratch = mkdtempSync(join(tmpdir(), 'graft-attack-'));
  const program = fileURLToPath(import.meta.resolve('graft-ml/internal/cli/main'));
  const show = (result: Result) => {
    if (result.failures.length > 0 || planned) console.error(describe(result, planned !== undefined));
  };
  const options = {
    ...{ seed, scratch, program, keep: values.keep, onResult: show },
    ...{ seconds: whole('seconds'), jobs: Math.max(1, whole('jobs')) },
  };
  const stock = await makeStock(scratch, program);
  const before = snapshot(stocked(stock));
  const results = planned ? [await play(planned, stock, options)] : await campaign(chosen, stock, options);
  if (planned) show(results[0]!);
  const harmed = changes(before, snapshot(stocked(stock)), scratch);
  if (harmed.length > 0) results.push({ kind: 'stock', name: 'stock/unchanged', outcomes: [], failures: harmed });
  console.log(values.json ? JSON.stringify(reportJson(results, seed), null, 1) : formatReport(results, seed));
  const failed = results.some(({ failures }) => failures.length > 0);
  if (failed && values.keep) console.error(`Kept in ${scratch}`);
  else rmSync(scratch, { recursive: true, force: true });
  return failed ? 1 : 0;
}

/** What no case may change. */
function stocked({ images, run, unfinished, metaRun, adapted, onnx, classes }: Stock): string[] {
  return [images, run, unfinished, metaRun, adapted, onnx, classes];
}

/** A case as it ends; with what its commands wrote, where it is the only one. */
function describe({ name, failures, outcomes }: Result, isAlone: boolean): string {
  const lines = [
    `${failures.length > 0 ? 'FAILED' : 'held'}  ${name}${failures.map((failure) => `\n  ${failure}`).join('')}`,
  ];
  for (const { command, status, signal, stdout, stderr, seconds, mebibytes } of isAlone ? outcomes : []) {
    const text = JSON.stringify(Buffer.concat([stdout, stderr]).toString('utf8').slice(0, 3000)).replaceAll(
      '\\n',
      '\n    ',
    );
    lines.push(
      `  ${command}\n    ${status ?? signal} after ${seconds.toFixed(1)} s, ${mebibytes.toFixed(0)} MiB: ${text}`,
    );
  }
  return lines.join('\n');
}

process.exitCode = await main();
