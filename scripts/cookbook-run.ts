/* Runs the pages of the cookbook, commands and programs, in one process. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrainEvent } from '@graft-ml/core/fit';
import type { CookbookPage } from './cookbook.ts';

/** What became of a command. */
export interface CommandResult {
  readonly line: string;
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What became of a page. */
export interface PageResult {
  /** Of each command that was run, in their order. */
  readonly commands: readonly CommandResult[];
  /** What the program printed. */
  readonly output: string;
  /** The events of each `fit` of the program, in their order; none unless they were recorded. */
  readonly fits: readonly (readonly TrainEvent[])[];
}

/** Commands that are not run, by their beginnings, and why. */
export const notRun: Readonly<Record<string, string>> = {
  'npm install': 'would install Graft from the registry; test/package.test.ts installs it as packed',
};

/** The commands of a page that its run includes. */
export function runnableCommands({ commands }: Pick<CookbookPage, 'commands'>): string[] {
  return commands.filter((line) => !Object.keys(notRun).some((start) => line.startsWith(start)));
}

/** The words of a command line whose only quotes are single ones. */
const wordsOf = (line: string) => (line.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^'(.*)'$/, '$1'));

/**
 * One process, in which pages share what is loaded and timed once: of each page the commands, then the program, which
 * may need what these leave. A command is what stands behind `npx graft`.
 */
const runner = `
import { readFileSync, writeFileSync } from 'node:fs';
import { format } from 'node:util';
import { main } from './node_modules/graft-ml/dist/cli/program.js';
const streams = ['stdout', 'stderr'];
const results = {};
globalThis.recordedFits = [];
for (const { name, commands } of JSON.parse(readFileSync('pages.json', 'utf8'))) {
  const outcomes = [];
  for (const { line, words } of commands) {
    const text = { stdout: '', stderr: '' };
    const writers = streams.map((stream) => process[stream].write);
    for (const stream of streams) process[stream].write = (chunk) => ((text[stream] += chunk), true);
    process.exitCode = undefined;
    const status = await main(words);
    for (const [i, stream] of streams.entries()) process[stream].write = writers[i];
    outcomes.push({ line, status, ...text });
  }
  const lines = [];
  console.log = (...values) => lines.push(format(...values));
  globalThis.recordedFits = [];
  await import('./built/' + name + '.js');
  results[name] = { commands: outcomes, output: lines.join('\\n'), fits: globalThis.recordedFits };
}
writeFileSync('results.json', JSON.stringify(results));
process.exit(0);
`;

/** Graft, whose `fit` also keeps its events. */
const recorder = `
import { fit as original } from 'graft-ml';
export * from 'graft-ml';
export async function* fit(...args) {
  const events = [];
  globalThis.recordedFits.push(events);
  for await (const event of original(...args)) {
    events.push(event);
    yield event;
  }
}
`;

/**
 * Runs the pages in their order. The programs run as they are; to record their training they are given a `fit` that
 * keeps its events.
 *
 * @throws Error where a program does
 */
export function runPages(
  project: string,
  pages: readonly CookbookPage[],
  { record = false }: { readonly record?: boolean } = {},
): Readonly<Record<string, PageResult>> {
  const lines = pages.map((page) => ({
    name: page.name,
    commands: runnableCommands(page).map((line) => ({ line, words: wordsOf(line).slice(2) })),
  }));
  writeFileSync(join(project, 'pages.json'), JSON.stringify(lines));
  writeFileSync(join(project, 'runner.mjs'), runner);
  if (record) {
    writeFileSync(join(project, 'built', 'recorder.js'), recorder);
    for (const { name } of pages) {
      const path = join(project, 'built', `${name}.js`);
      writeFileSync(path, readFileSync(path, 'utf8').replace("from 'graft-ml'", "from './recorder.js'"));
    }
  }
  const { status, stderr } = spawnSync(process.execPath, ['runner.mjs'], { cwd: project, encoding: 'utf8' });
  if (status !== 0 || stderr !== '') throw new Error(`status ${status}: ${stderr}`);
  return JSON.parse(readFileSync(join(project, 'results.json'), 'utf8'));
}
