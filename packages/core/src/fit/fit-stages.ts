import { OptionError } from '../base/errors.ts';
import type { Model } from './model.ts';
import { selected } from './selection.ts';
import type { Stage } from './stage.ts';

/** Parameters that are trained from an epoch on, besides those that were before. */
export interface Unfreezing {
  /** The first epoch: from 1, or from 0 in a list that begins with 0. */
  readonly epoch: number;
  /** `head`, `all`, blocks, dotted beginnings of names or globs. */
  readonly train: readonly string[];
  /**
   * Begins the schedule and the optimizer's memory anew, for the stretch until the next that does. Where a schedule
   * falls towards its end, layers that are unfrozen late hardly move without. Default false.
   */
  readonly restart?: boolean;
}

/** A stage of a fit. */
export interface FitStage extends Stage {
  /** Trains on augmented examples. Default true; without augmentation it makes no difference. */
  readonly augments?: boolean | undefined;
  /** Trains on mixed images, through the layers that are frozen too. Default true; without mixing the same. */
  readonly mixes?: boolean | undefined;
}

/** The epochs from one unfreezing to the next. */
export interface Unfrozen {
  readonly name: string;
  readonly epochs: number;
  readonly trained: ReadonlySet<string>;
  readonly isFresh: boolean;
}

/**
 * The stages that unfreezing makes of the epochs. @throws OptionError where nothing is trained, or the epochs of
 * unfreezing do not rise or are never reached
 */
export function unfrozenStages(model: Model, epochs: number, unfreeze: readonly Unfreezing[]): Unfrozen[] {
  const own = model.trainable;
  const first = unfreeze[0]?.epoch === 0 ? 0 : 1;
  const steps = unfreeze.map(({ epoch, train, restart = false }) => ({
    from: epoch - first,
    names: train.flatMap((pattern) => [...selected('unfreeze', pattern, model.table)]),
    name: train.join(' + '),
    isFresh: restart,
  }));
  checkEpochs(unfreeze, epochs, first);
  const starts = steps[0]?.from === 0 ? steps : [{ from: 0, names: [], name: nameOf(model), isFresh: true }, ...steps];
  return starts.map(({ from, name, isFresh }, i) => {
    const trained = new Set([...own, ...starts.slice(0, i + 1).flatMap(({ names }) => names)]);
    if (trained.size === 0) throw nothingTrained(unfreeze);
    return { name, epochs: (starts[i + 1]?.from ?? epochs) - from, trained, isFresh: i === 0 || isFresh };
  });
}

function nothingTrained(unfreeze: readonly Unfreezing[]): OptionError {
  const problem = ": every parameter is frozen, so nothing would be trained. Unfreeze some: model.unfreeze('head').";
  return new OptionError({
    option: 'unfreeze',
    expected: 'something to train from the first epoch on',
    received: unfreeze,
    problem,
  });
}

function checkEpochs(unfreeze: readonly Unfreezing[], epochs: number, first: number): void {
  unfreeze.forEach(({ epoch }, i) => {
    const before = unfreeze[i - 1]?.epoch ?? first - 1;
    if (Number.isInteger(epoch) && epoch > before && epoch < epochs + first) return;
    const expected = `whole epochs that rise, the last before epoch ${epochs + first}`;
    throw new OptionError({ option: 'unfreeze', expected, received: unfreeze.map((each) => each.epoch) });
  });
}

/** The name of the trained parameters, in a word or two. */
function nameOf({ table, trainable }: Model): string {
  if (trainable.size === table.parameters.size) return 'all';
  if (trainable.size === table.head.size && [...trainable].every((name) => table.head.has(name))) return 'head';
  return `${trainable.size} of ${table.parameters.size} parameters`;
}
