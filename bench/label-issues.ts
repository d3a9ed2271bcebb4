/*
 * Label issues: how many of the labels that were changed on purpose are found, and how many of those found were changed;
 * beside cleanlab's on the same probabilities.
 *   npm run build && node dist/bench/label-issues.js FOLDER… --weights FILE [--model squeezenet1_1] [--share 0.08]
 *     [--seeds 5] [--python PYTHON]
 * Each seed changes the labels of so many images of the folder, each to another class at random, in a copy of it, and
 * decides the folds. Without a Python that has cleanlab, that side is left out. The results in
 * bench/results/label-issues.json come from the folders that strategies.ts names; what is there already is not measured
 * again.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { randomStream } from '@graft-ml/core';
import { findLabelIssues, type LabelFilter } from '@graft-ml/core/evaluate';
import { labelFilters } from '@graft-ml/core/internal/evaluate/label-issues';
import { labelIssues } from 'graft-ml/train';
import { mean, nameOf, Results } from './study.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    weights: { type: 'string' },
    model: { type: 'string', default: 'squeezenet1_1' },
    share: { type: 'string', default: '0.08' },
    seeds: { type: 'string', default: '5' },
    python: { type: 'string', default: 'python3' },
  },
});
const { weights, model } = values;
if (positionals.length === 0 || !weights)
  throw new Error('usage: node dist/bench/label-issues.js FOLDER… --weights FILE');

/** A list of suspects, and what of it is right. */
interface List {
  readonly suspects: number;
  /** Suspects whose label was changed. */
  readonly found: number;
  /** Found ones whose likely class is the true one. */
  readonly corrected: number;
}

interface Measured {
  readonly images: number;
  /** Labels that were changed. */
  readonly changed: number;
  /** The share of images whose probe agrees with the changed labels, and with the true ones. */
  readonly agreement: number;
  readonly accuracy: number;
  readonly lists: Readonly<Record<LabelFilter, List>>;
  /** Of the first so many in the ranking of all images as were changed, those that were. */
  readonly foundByRank: number;
  /** The version of cleanlab, whether its lists are the same, and how many suspects each has; null without it. */
  readonly cleanlab: {
    readonly version: string;
    readonly isSame: boolean;
    readonly lists: Readonly<Record<LabelFilter, List>>;
  } | null;
}

/** A copy of the folder with some images in other classes: by their new place, the class that they are truly of. */
function spoiled(folder: string, share: number, seed: number): { root: string; truth: Map<string, string> } {
  const root = mkdtempSync(join(tmpdir(), 'graft-labels-'));
  const classes = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const names = classes.map(({ name }) => name).sort();
  const images = names.flatMap((name) => readdirSync(join(folder, name)).map((file) => ({ name, file })));
  const stream = randomStream(seed, 'label-issues', nameOf(folder));
  const changed = new Set(stream.shuffle(images).slice(0, Math.round(share * images.length)));
  const truth = new Map<string, string>();
  for (const name of names) mkdirSync(join(root, name));
  for (const image of images) {
    const others = names.filter((name) => name !== image.name);
    const given = changed.has(image) ? others[stream.integer(others.length)]! : image.name;
    const path = join(root, given, `${image.name}-${image.file}`);
    cpSync(join(folder, image.name, image.file), path);
    truth.set(path, image.name);
  }
  return { root, truth };
}

function byCleanlab(labels: readonly number[], probabilities: readonly Float64Array[]) {
  const script = fileURLToPath(new URL('../../bench/peer/label_issues.py', import.meta.url));
  const filters = labelFilters.map((filter) => filter.replaceAll('-', '_'));
  const input = JSON.stringify({ labels, probabilities: probabilities.map((row) => [...row]), filters });
  const { status, stdout, stderr } = spawnSync(values.python, [script], { input, encoding: 'utf8' });
  if (status === 0) return JSON.parse(stdout) as { version: string; issues: Record<string, number[]> };
  console.log(`Without cleanlab: ${stderr?.trim().split('\n').at(-1) ?? `no ${values.python}`}`);
  return null;
}

async function measured(folder: string, seed: number): Promise<Measured> {
  const { root, truth } = spoiled(folder, Number(values.share), seed);
  try {
    const { images, classes, agreement } = await labelIssues(root, { model, weights: weights!, seed });
    const labels = images.map(({ label }) => label);
    const rows = images.map(({ probabilities }) => probabilities);
    const trueLabels = images.map(({ path }) => classes.indexOf(truth.get(path)!));
    const likely = rows.map((row) => row.indexOf(row.reduce((a, b) => Math.max(a, b))));
    const isChanged = (i: number) => trueLabels[i] !== labels[i];
    const listOf = (indices: readonly number[]): List => {
      const found = indices.filter(isChanged);
      const corrected = found.filter((i) => likely[i] === trueLabels[i]).length;
      return { suspects: indices.length, found: found.length, corrected };
    };
    const ours = (filter: LabelFilter) => findLabelIssues(labels, rows, { filter }).issues.map(({ index }) => index);
    const changed = labels.filter((_, i) => isChanged(i)).length;
    const ranked = labels.map((_, i) => i).sort((a, b) => rows[a]![labels[a]!]! - rows[b]![labels[b]!]!);
    const theirs = byCleanlab(labels, rows);
    const listsBy = (of: (filter: LabelFilter) => readonly number[]) =>
      Object.fromEntries(labelFilters.map((filter) => [filter, listOf(of(filter))])) as Record<LabelFilter, List>;
    const theirList = (filter: LabelFilter) => theirs!.issues[filter.replaceAll('-', '_')]!;
    return {
      images: images.length,
      changed,
      agreement,
      accuracy: mean(likely.map((label, i) => (label === trueLabels[i] ? 1 : 0))),
      lists: listsBy(ours),
      foundByRank: ranked.slice(0, changed).filter(isChanged).length,
      cleanlab: theirs && {
        version: theirs.version,
        isSame: labelFilters.every((filter) => String(ours(filter)) === String(theirList(filter))),
        lists: listsBy(theirList),
      },
    };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const results = new Results<Measured>('label-issues');
const seeds = Array.from({ length: Number(values.seeds) }, (_, seed) => seed);
const percent = (share: number) => (100 * share).toFixed(1);
for (const folder of positionals) {
  const runs: Measured[] = [];
  for (const seed of seeds) {
    const key = `${nameOf(folder)}, ${model}, ${values.share}, ${seed}`;
    runs.push(await results.keep(key, () => measured(folder, seed)));
  }
  const of = (side: (run: Measured) => Record<LabelFilter, List> | undefined, filter: LabelFilter) => {
    const lists = runs.map((run) => side(run)?.[filter]);
    if (lists.some((list) => list === undefined)) return ['–', '–', '–', '–'];
    const all = lists.map((list, i) => ({ ...list!, changed: runs[i]!.changed }));
    return [
      mean(all.map(({ suspects }) => suspects)).toFixed(1),
      percent(mean(all.map(({ found, suspects }) => (suspects === 0 ? 0 : found / suspects)))),
      percent(mean(all.map(({ found, changed }) => found / changed))),
      percent(mean(all.map(({ found, corrected }) => (found === 0 ? 0 : corrected / found)))),
    ];
  };
  const same = runs.every(({ cleanlab }) => cleanlab?.isSame);
  const { images, changed } = runs[0]!;
  console.log(
    `\n${nameOf(folder)}: ${images} images, ${changed} labels changed, ${runs.length} seeds; the probe is right for ` +
      `${percent(mean(runs.map(({ accuracy }) => accuracy)))} % of the images. ` +
      `${percent(mean(runs.map((run) => run.foundByRank / run.changed)))} % of the ${changed} lowest self-confidences ` +
      `were changed. cleanlab's lists are ${same ? 'the same' : 'others'}.\n`,
  );
  console.log(
    '| filter | suspects | precision, % | recall, % | true class named, % | cleanlab: precision, recall, % |',
  );
  console.log('|---|---|---|---|---|---|');
  for (const filter of labelFilters) {
    const theirs = of((run) => run.cleanlab?.lists, filter);
    console.log(`| ${filter} | ${of((run) => run.lists, filter).join(' | ')} | ${theirs[1]}, ${theirs[2]} |`);
  }
}
