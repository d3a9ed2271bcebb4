import { type FitData, fit, type Model, type Source, tensorDataset } from '@graft-ml/core/fit';
import { sizeOf, type Tensors } from '@graft-ml/core/internal/base/tensor';
import { imageModel } from '@graft-ml/core/internal/fit/model';
import { parameterBlocks, partialTransfer, type TransferSide } from '@graft-ml/core/internal/recipe/index';
import { conv4, type NamedArchitecture } from '@graft-ml/core/models';
import { adamw } from '@graft-ml/core/optim';
import type { Runtime } from '@graft-ml/core/runtime';
import { type Drawing, imagesOf, writtenByCode } from '../inner-loop/drawing.ts';
import { studyTask } from './study-task.ts';

export interface StudyQuestion {
  /** The side of the network that stays as it came. */
  readonly transferFrozen: TransferSide;
  /** The seeds: of the drawings to learn from, the new head and the order. */
  readonly seeds: readonly number[];
  /** Epochs of each transfer. */
  readonly epochs: number;
}

/** One training of the target task. */
export interface StudyRun {
  readonly seed: number;
  /** Of test drawings, after the last epoch. */
  readonly accuracy: number;
  /** The time of its epochs, the evaluation after each included. */
  readonly seconds: number;
}

/** The trainings with one share of the network trained. */
export interface StudyRow {
  /** The share of the blocks that is trained; null: all of it, from random weights. */
  readonly transferRatio: number | null;
  /** The blocks that are trained. */
  readonly trained: readonly string[];
  /** Numbers that are trained. */
  readonly parameters: number;
  readonly runs: readonly StudyRun[];
}

export interface StudyState {
  /** Trainings that are done, the one before the transfer included, of how many. */
  readonly done: number;
  readonly total: number;
  /** The training that runs now; null: the first one, before any transfer. */
  readonly doing: (Pick<StudyRow, 'transferRatio'> & { readonly seed: number }) | null;
  /** The accuracy of the first training on drawings of its own characters that it was not trained on. */
  readonly sourceAccuracy: number | null;
  readonly rows: readonly StudyRow[];
}

const half = [0.5, 0.5, 0.5] as const;
const { side, filters, source, target } = studyTask;
const architecture: NamedArchitecture = {
  ...conv4({ filters }),
  name: `conv4 with ${filters} filters`,
  preprocessing: { resize: side, crop: side, interpolation: 'bilinear', mean: half, std: half },
  source: 'Vinyals et al. 2016',
};

function modelFor(classes: number, runtime: Runtime, seed: number, weights: Tensors = {}): Model {
  const names = Array.from({ length: classes }, (_, i) => `character ${i + 1}`);
  const { preprocessing } = architecture;
  return imageModel({ architecture, preprocessing, classes: names, runtime, seed, weights });
}

/** Drawings of characters: `first` is the number of the first drawing of each. */
function drawings(characters: number, { set, first, count }: { set: number; first: number; count: number }): Source {
  const written = Array.from({ length: characters * count }, (_, i): Drawing => {
    return writtenByCode(set, Math.floor(i / count), first + (i % count));
  });
  return tensorDataset(
    imagesOf(written, side),
    written.map((_, i) => Math.floor(i / count)),
  );
}

/** The shares of the blocks that differ in what they train: a new head is trained with every one of them. */
function rowsOf(model: Model, transferFrozen: TransferSide): StudyRow[] {
  const blocks = parameterBlocks(model.table).length;
  const shares = Array.from({ length: blocks + 1 }, (_, i) => i / blocks);
  const all = [...shares, null].map((transferRatio) => ({
    transferRatio,
    ...partOf(model, transferRatio, transferFrozen),
    runs: [],
  }));
  const isLast = (row: StudyRow, i: number) =>
    row.transferRatio === null || row.parameters !== all[i + 1]?.parameters || all[i + 1]?.transferRatio === null;
  return all.filter(isLast);
}

/**
 * Trains a small network on characters, and then on others, of which there are few: with every share of its blocks
 * trained and the others frozen, and for comparison from random weights. The state is told after every training.
 *
 * @throws the signal's reason
 */
export async function transferStudy(
  { transferFrozen, seeds, epochs }: StudyQuestion,
  runtime: Runtime,
  onState: (state: StudyState) => void,
): Promise<StudyState> {
  const rows = rowsOf(modelFor(target.classes, runtime, 0), transferFrozen);
  const total = 1 + rows.length * seeds.length;
  let state: StudyState = { done: 0, total, doing: null, sourceAccuracy: null, rows };
  const tell = (change: Partial<StudyState>) => {
    state = { ...state, ...change };
    onState(state);
  };
  tell({});
  const learned = await learnSource(runtime);
  tell({ done: 1, sourceAccuracy: learned.accuracy });
  for (const seed of seeds) {
    for (const [index, row] of state.rows.entries()) {
      tell({ doing: { transferRatio: row.transferRatio, seed } });
      const weights = row.transferRatio === null ? {} : learned.weights;
      const run = await transfer(weights, row, { seed, epochs }, runtime);
      const after = state.rows.map((each, i) => (i === index ? { ...each, runs: [...each.runs, run] } : each));
      tell({ done: state.done + 1, rows: after });
    }
  }
  return state;
}

/** The part of the network that a ratio trains. */
function partOf({ table }: Model, transferRatio: number | null, transferFrozen: TransferSide) {
  const options = { transferRatio: transferRatio ?? 1, transferFrozen, transferHead: 'new' } as const;
  const { parameters } = partialTransfer(options, table);
  const names = [...parameters];
  return {
    trained: [...table.blocks].flatMap(([block, own]) => (own.some((name) => parameters.has(name)) ? [block] : [])),
    parameters: names.reduce((sum, name) => sum + sizeOf(table.parameters.get(name)!), 0),
  };
}

async function learnSource(runtime: Runtime): Promise<{ weights: Tensors; accuracy: number }> {
  const { classes, images, epochs, batchSize, learningRate } = source;
  await using model = modelFor(classes, runtime, 0);
  const data = {
    train: drawings(classes, { set: 0, first: 0, count: images }),
    validation: drawings(classes, { set: 0, first: images, count: 5 }),
  };
  const { accuracy } = await trained(model, data, { epochs, batchSize, learningRate, seed: 0 });
  const { head } = model.table;
  const weights = Object.entries(model.variables).filter(([name]) => !head.has(name));
  return { weights: Object.fromEntries(weights), accuracy };
}

async function transfer(
  weights: Tensors,
  row: StudyRow,
  { seed, epochs }: Pick<Training, 'seed' | 'epochs'>,
  runtime: Runtime,
): Promise<StudyRun> {
  const { classes, images, testImages, batchSize, learningRate } = target;
  await using model = modelFor(classes, runtime, seed, weights);
  const blocks = new Set(row.trained);
  const frozen = parameterBlocks(model.table).filter((block) => !blocks.has(block));
  if (frozen.length > 0) model.freeze(...frozen);
  const data = {
    train: drawings(classes, { set: 1, first: seed * images, count: images }),
    validation: drawings(classes, { set: 1, first: 1000, count: testImages }),
  };
  return { seed, ...(await trained(model, data, { epochs, batchSize, learningRate, seed })) };
}

interface Training {
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly seed: number;
}

/** The accuracy after the last epoch, so that none is chosen by what it is measured on. */
async function trained(model: Model, data: FitData, { learningRate, ...options }: Training) {
  let [accuracy, seconds] = [0, 0];
  for await (const event of fit(model, data, { ...options, optimizer: adamw({ learningRate }) })) {
    if (event.kind !== 'evaluation') continue;
    accuracy = event.accuracy;
    seconds += event.seconds;
  }
  return { accuracy, seconds };
}
