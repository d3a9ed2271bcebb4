import { bytesPerElement, sizeOf, type Tensors } from '../../base/tensor.ts';
import { type Picture, parseAugmentation } from '../../data/index.ts';
import { constant } from '../../graph/index.ts';
import { under } from '../../nn/index.ts';
import { optimizerOf, type ResolvedConfig, scheduleOf } from '../config/index.ts';
import { held, type Source, throughTrunk } from '../source.ts';
import type { Network } from '../step.ts';
import { headNetwork, pictureNetwork, trunkGraph } from '../strategy.ts';
import type { TrainingTask } from '../trainer.ts';
import { pictureSource } from './picture-source.ts';
import type { Prepared } from './prepare.ts';

/** What is to be trained, as the trainer takes it: the whole network, or a head on features. */
export function trainingTask(prepared: Prepared): Promise<TrainingTask> {
  return prepared.strategy.frozenTrunk ? headTask(prepared) : pictureTask(prepared);
}

/** Everything is trained, on pictures that are augmented anew in every epoch. */
async function pictureTask(prepared: Prepared): Promise<TrainingTask> {
  const { config, model, strategy, preprocessing, folder, pool, initial, onPreparation } = prepared;
  const augmented = { seed: config.seed, augmentation: parseAugmentation(config.augment) };
  const network = pictureNetwork(model, preprocessing, folder.classes.length);
  const validation = pictureSource(pool, folder.validation, preprocessing, null);
  return {
    ...taskOptions(config),
    network,
    training: pictureSource(pool, folder.train, preprocessing, augmented),
    // Evaluation sees the same in every epoch, so its pictures are decoded once.
    validation: fitsMemory(config, validation.size, network.input)
      ? await held(validation, network.input, {
          batchSize: Math.min(config.batchSize, validation.size),
          onProgress: (done, total) => onPreparation({ stage: 'decoding validation pictures', done, total }),
        })
      : validation,
    pretrained: initial,
    rules: strategy.rules(model),
    batchNorm: strategy.batchNorm,
  };
}

/** Whether so many inputs may be kept from one epoch to the next. */
function fitsMemory({ memory }: ResolvedConfig, count: number, { dtype, shape }: Network['input']): boolean {
  return count * sizeOf(shape) * bytesPerElement[dtype] <= memory * 2 ** 20;
}

/** Only the head is trained, on what the frozen trunk makes of each picture: computed once, where memory allows. */
async function headTask(prepared: Prepared): Promise<TrainingTask> {
  const { config, model, preprocessing, folder, pool, runtime, initial, onPreparation, cleanups } = prepared;
  const total = folder.train.length + folder.validation.length;
  const batchSize = Math.min(16, total);
  const features = trunkGraph(model, preprocessing, batchSize, ({ name }) => constant(initial[name]!));
  const program = await runtime.compile({ features });
  cleanups.push(() => program.release());
  const network = headNetwork(model, features, folder.classes.length);
  const fits = fitsMemory(config, total, network.input);
  let before = 0;
  const source = async (pictures: readonly Picture[]): Promise<Source> => {
    const computed = throughTrunk(pictureSource(pool, pictures, preprocessing, null), program, batchSize);
    if (!fits) return computed;
    const onProgress = (done: number) => onPreparation({ stage: 'extracting features', done: before + done, total });
    const cached = await held(computed, network.input, { batchSize, onProgress });
    before += pictures.length;
    return cached;
  };
  return {
    ...taskOptions(config),
    network,
    training: await source(folder.train),
    validation: await source(folder.validation),
    pretrained: without(initial, (name) => !under(model.headPath).test(name)),
    rules: [[/.*/, { rate: 1 }]],
    batchNorm: 'frozen',
  };
}

function taskOptions(config: ResolvedConfig) {
  const { epochs, batchSize, seed, labelSmoothing } = config;
  return {
    epochs,
    batchSize,
    seed,
    loss: { labelSmoothing },
    optimizer: optimizerOf(config),
    schedule: scheduleOf(config),
  };
}

/** The tensors whose names are not to be dropped. */
export function without(tensors: Tensors, drop: (name: string) => boolean): Tensors {
  return Object.fromEntries(Object.entries(tensors).filter(([name]) => !drop(name)));
}
