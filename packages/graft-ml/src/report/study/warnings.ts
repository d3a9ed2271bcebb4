import { plural } from '@graft-ml/core/internal/base/plural';
import { groupBy } from '@graft-ml/core/internal/image/group-by';
import { listed } from '@graft-ml/core/internal/recipe/config/exceptions';
import type { StudyRun } from './study-run.ts';

/** What keeps runs from being compared, a sentence each. */
export function warningsOf(runs: readonly StudyRun[], groups: readonly (readonly number[])[]): string[] {
  return [
    ...runs.flatMap(unfinished),
    ...runs.flatMap(({ name, problem }) =>
      problem === null ? [] : [`${name} could not be evaluated, and counts as it recorded itself: ${problem}`],
    ),
    ...otherData(runs),
    ...otherImages(runs, groups),
    ...otherMachines(runs),
  ];
}

function unfinished({ name, run, epochs }: StudyRun): string[] {
  if (run.status === 'done') return [];
  const state = run.status === 'running' ? 'is still running, or was killed' : 'was interrupted';
  if (run.best === null) return [`${name} ${state} before its first epoch was complete: it has no numbers.`];
  return [`${name} ${state} after ${plural(epochs.length, 'epoch')}: its numbers are of its best epoch so far.`];
}

/** Runs of other images, or other classes. An adapted run has a few images of the same folder. */
function otherData(runs: readonly StudyRun[]): string[] {
  const trained = runs.filter(({ run }) => run.adaptedFrom === null);
  const byClasses = [...groupBy(trained, ({ run }) => JSON.stringify(run.classes.toSorted())).values()];
  if (byClasses.length > 1) {
    return [
      `Different classes: ${divided(byClasses)}. Their accuracies are of different tasks and say nothing about which is better.`,
    ];
  }
  const byData = [...groupBy(trained, ({ run }) => run.dataset.fingerprint).values()];
  if (byData.length > 1)
    return [`Different data: ${divided(byData)}. Between these, the runs were trained on different images.`];
  return [];
}

function otherImages(runs: readonly StudyRun[], groups: readonly (readonly number[])[]): string[] {
  const none = runs.filter(({ judged, problem, run }) => judged === null && problem === null && run.best !== null);
  const changed = runs.filter(({ judged, run }) => judged?.sameDataset === false && run.adaptedFrom === null);
  return [
    ...(none.length > 0
      ? [
          `${names(none)} ${none.length === 1 ? 'has' : 'have'} no validation images: how good ${none.length === 1 ? 'it is' : 'they are'} was not measured.`,
        ]
      : []),
    ...(groups.length > 1
      ? [
          `Different validation images: ${divided(groups.map((own) => own.map((i) => runs[i]!)))}. Between these, accuracies differ by the images as well as by the runs; McNemar’s test and the images below are of the ${plural(groups[0]!.length, 'run')} of the first.`,
        ]
      : []),
    ...(changed.length > 0
      ? [
          `The dataset is no longer the one that ${names(changed)} ${changed.length === 1 ? 'was' : 'were'} trained on, or another was named: the images evaluated here may be other ones.`,
        ]
      : []),
    ...runs.flatMap(({ name, judged }) =>
      judged && judged.known > 0
        ? [
            `${name} was fitted to ${plural(judged.known, 'of these images', 'of these images')}: on new images it will be worse.`,
          ]
        : [],
    ),
  ];
}

function otherMachines(runs: readonly StudyRun[]): string[] {
  const timed = runs.filter(({ epochs }) => epochs.length > 0);
  const places = [...groupBy(timed, ({ run }) => `${run.device} with ${plural(run.threads, 'thread')}`).keys()];
  return places.length > 1 ? [`Their seconds cannot be compared: they were trained on ${listed(places)}.`] : [];
}

/** `a and b; c`, of many with their number. */
function divided(groups: readonly (readonly StudyRun[])[]): string {
  const few = groups.slice(0, 4).map(names);
  return `${few.join('; ')}${groups.length > 4 ? `; and ${groups.length - 4} more groups` : ''}`;
}

function names(runs: readonly StudyRun[]): string {
  const shown = runs.slice(0, 6).map(({ name }) => name);
  return listed([...shown, ...(runs.length > 6 ? [`${runs.length - 6} more`] : [])]);
}
