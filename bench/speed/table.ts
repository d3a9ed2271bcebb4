/*
 * Writes the tables of bench/README.md from bench/results/speed: npm run build && node dist/bench/speed/table.js
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PeerResult, type Results, type Row, resultsFolder, type SideResult } from './results.ts';
import { batches, models } from './works.ts';

const page = 'bench/README.md';
const [begin, end] = ['<!-- speed: written by bench/speed/table.ts -->', '<!-- /speed -->'];

const titles: Readonly<Record<string, string>> = {
  full: 'Training step, everything trained',
  'last-third': 'Training step, the last third of the blocks, from kept features',
  head: 'Training step, the head alone, from kept features',
  frozen: 'Forward pass of a frozen network',
  maml: 'Outer step of meta-training',
  start: 'Whole processes',
};
/** Kinds whose rows stand in the table of another. */
const tableOf: Readonly<Record<string, string>> = {
  fomaml: 'maml',
  protonet: 'maml',
  predict: 'start',
  job: 'start',
};

function tables({ machine, rows }: Results): string {
  const all = Object.values(rows).sort((a, b) => rank(a) - rank(b));
  const parts = Object.entries(titles).flatMap(([kind, title]) => {
    const own = all.filter((row) => (tableOf[row.kind] ?? row.kind) === kind);
    return own.length > 0 ? [`#### ${title}\n\n${table(own)}`] : [];
  });
  return [`### ${headingOf(machine)}`, machineText(machine, all), ...parts].join('\n\n');
}

/** What tells machines apart stands first: a sidebar shows no more. */
function headingOf({ processor }: Results['machine']): string {
  const [name, ...generation] = processor.split(', ');
  const text = generation.length > 0 ? `${generation.join(', ')} (${name})` : processor;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** By model as the list has them, then by batch. */
function rank({ name }: Row): number {
  const [, model = '', batch = ''] = name.split(' · ');
  const place = (models as readonly string[]).indexOf(model);
  return place * 10 + (batches as readonly number[]).indexOf(Number(batch));
}

function machineText(machine: Results['machine'], rows: readonly Row[]): string {
  const { processor, instructionSets, cores, memory, system } = machine;
  const versions = Object.assign(
    {},
    ...rows.flatMap(({ graft, peers }) => [graft, ...Object.values(peers)].map((side) => side.versions)),
  );
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const days = [...new Set(rows.map(({ date }) => date.slice(0, 10)))].sort().join(', ');
  return `${processor}; ${cores} cores, ${(memory / 2 ** 30).toFixed(0)} GiB, ${system}; ${instructionSets.join(', ')}. ${named.join(', ')}. Measured ${days}.`;
}

function table(rows: readonly Row[]): string {
  const head = ['work', 'ratio (95 %)', 'Graft, ms', 'beside', 'ms', 'processor time', 'peak, GB'];
  const lines = rows.flatMap((row) => Object.entries(row.peers).map(([name, peer]) => cells(row, name, peer)));
  return [head, head.map(() => '---'), ...lines].map((line) => `| ${line.join(' | ')} |`).join('\n');
}

function cells({ name, graft }: Row, peerName: string, peer: PeerResult): string[] {
  const { ratio, interval } = peer.ratio;
  const [low, high] = interval.map((value) => value.toFixed(2));
  const work = name.replace(/^(full|last-third|head|frozen) · /, '').replace(/ · (\d+)$/, ', batch $1');
  return [
    work,
    `**${ratio.toFixed(2)}** ${together(`(${low} to ${high})`)}`,
    milliseconds(graft),
    `${peerName} ${together(`(${peer.setting.replace(/, (eager|torch\.compile)$/, '')})`)}`,
    milliseconds(peer),
    (graft.processor.median / peer.processor.median).toFixed(2),
    `${(graft.peak / 1e9).toFixed(2)}, ${(peer.peak / 1e9).toFixed(2)}`,
  ];
}

/** On one line of a cell. */
const together = (words: string) => words.replaceAll(' ', '\u00a0');

/** The median with its quartiles. */
function milliseconds({ milliseconds: { median, quartiles } }: SideResult): string {
  const digits = median < 100 ? 1 : 0;
  return `${median.toFixed(digits)} ${together(`(${quartiles.map((value) => value.toFixed(digits)).join(' to ')})`)}`;
}

const text = readFileSync(page, 'utf8');
const [from, to] = [text.indexOf(begin), text.indexOf(end)];
if (from === -1 || to < from) throw new Error(`${page} has no ${begin} … ${end}.`);
const all = readdirSync(resultsFolder)
  .sort()
  .map((file) => tables(JSON.parse(readFileSync(join(resultsFolder, file), 'utf8')) as Results));
writeFileSync(page, `${text.slice(0, from + begin.length)}\n\n${all.join('\n\n')}\n\n${text.slice(to)}`);
