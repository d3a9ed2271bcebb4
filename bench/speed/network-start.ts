import { join } from 'node:path';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { f32, type Shape, sizeOf, type Tensor, type Tensors } from '@graft-ml/core/internal/base/tensor';
import { parameterTable } from '@graft-ml/core/internal/fit/network';
import { selected } from '@graft-ml/core/internal/fit/selection';
import { type Network, variablesOf } from '@graft-ml/core/internal/fit/step';
import { defaultFreezeTo } from '@graft-ml/core/internal/recipe/strategy-stages';
import { applyModel, getModel } from '@graft-ml/core/models';
import { initialise } from '@graft-ml/core/nn';
import { readSafetensorsFile, writeSafetensorsFile } from 'graft-ml/internal/checkpoint/safetensors-file';
import type { NetworkWork } from './works.ts';

export const numClasses = 1000;

/** What both sides of a work start from. */
export interface NetworkStart {
  readonly weights: Tensors;
  /** (batch, 3, side, side), f32. */
  readonly images: Tensor;
  /** The names of the parameters that a step changes. */
  readonly trained: ReadonlySet<string>;
}

const imagesName = 'batch/images';
/** The file that both sides read. */
export const startFile = (folder: string) => join(folder, 'start.safetensors');

/** Random weights and images, the same ones every time. */
export function makeStart(work: NetworkWork): NetworkStart {
  const network = networkOf(work);
  return {
    weights: withoutZeros(initialise(variablesOf(network).values(), 0)),
    images: normal([work.batch, 3, work.side, work.side], 'images'),
    trained: trainedNames(work, network),
  };
}

/** Writes what the peer reads, too. */
export async function writeStart(folder: string, { weights, images, trained }: NetworkStart): Promise<void> {
  const metadata = { trained: JSON.stringify([...trained]) };
  await writeSafetensorsFile(startFile(folder), { ...weights, [imagesName]: images }, metadata);
}

export async function readStart(folder: string): Promise<NetworkStart> {
  const { tensors, metadata } = await readSafetensorsFile(startFile(folder));
  const { [imagesName]: images, ...weights } = tensors;
  return { weights, images: images!, trained: new Set(JSON.parse(metadata.trained!) as string[]) };
}

export function networkOf({ model: name, side }: NetworkWork): Network {
  const model = getModel(name);
  return {
    input: { dtype: 'f32', shape: [3, side, side] },
    forward: (s, x) => applyModel(model, s, x, { numClasses }),
    isRowwise: model.isRowwise,
  };
}

/** Random numbers in place of weights that start at zero, which would hide mistakes behind them (the head of ViT). */
function withoutZeros(weights: Tensors): Tensors {
  const isZero = ({ dtype, shape, data }: Tensor) =>
    dtype === 'f32' && shape.length > 1 && data.every((value) => Number(value) === 0);
  return Object.fromEntries(
    Object.entries(weights).map(([name, value]) => [name, isZero(value) ? normal(value.shape, name, 0.02) : value]),
  );
}

function normal(shape: Shape, name: string, deviation = 1): Tensor {
  const stream = randomStream(0, 'bench', name);
  return f32(
    shape,
    Array.from({ length: sizeOf(shape) }, () => deviation * stream.normal()),
  );
}

/** The parameters that a step changes: all, those of the last third of the blocks and the head, or the head's. */
function trainedNames({ kind, model }: NetworkWork, network: Network): ReadonlySet<string> {
  const table = parameterTable(network, getModel(model));
  if (kind === 'head') return table.head;
  if (kind !== 'last-third') return new Set(table.parameters.keys());
  const names = [...table.parameters.keys()];
  const frozen = selected('freezeTo', defaultFreezeTo(table), table);
  return new Set([...names.slice(names.findLastIndex((name) => frozen.has(name)) + 1), ...table.head]);
}
