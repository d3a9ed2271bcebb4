import { constant, input } from '@graft-ml/core/graph';
import { i64, sizeOf, type Tensor, type Tensors, tensor, zeros } from '@graft-ml/core/internal/base/tensor';
import { cutBefore, prefixGraph } from '@graft-ml/core/internal/fit/cut';
import { batchNormOf, compileStep } from '@graft-ml/core/internal/fit/image-stage';
import { parameterTable } from '@graft-ml/core/internal/fit/network';
import { rowsFrom } from '@graft-ml/core/internal/fit/source';
import {
  feedNames,
  type Network,
  resultNames,
  scalarName,
  slotName,
  type TrainingStepOptions,
  variablesOf,
} from '@graft-ml/core/internal/fit/step';
import { backboneBlocks } from '@graft-ml/core/internal/recipe/strategy-stages';
import { getModel } from '@graft-ml/core/models';
import { crossEntropyLoss, drawNoise, type Noise, Scope } from '@graft-ml/core/nn';
import { sgd } from '@graft-ml/core/optim';
import { type Runtime, State, scalar } from '@graft-ml/core/runtime';
import { createRuntime } from 'graft-ml/internal/runtime/index';
import type { OpenWork } from './graft-side.ts';
import { makeStart, type NetworkStart, networkOf, numClasses, readStart } from './network-start.ts';
import type { NetworkWork } from './works.ts';

const learningRate = 1e-4;
/** Steps whose losses must agree with the peer's: before and after the first update. */
const checkedSteps = 2;

/**
 * A training step (SGD with momentum), or a forward pass. What is frozen has run before: a step of the last third or of
 * the head begins with the features of its images, as in Graft's training.
 */
export async function openNetwork(work: NetworkWork, threads: number, folder: string): Promise<OpenWork> {
  const runtime = createRuntime({ threads });
  const start = await readStart(folder);
  if (work.kind === 'frozen') return openForward(work, runtime, start);
  return openStep(work, runtime, start);
}

/** The forward pass, by as many images at a time as Graft takes wherever layers do not train. */
async function openForward(work: NetworkWork, runtime: Runtime, { weights, images }: NetworkStart): Promise<OpenWork> {
  const network = networkOf(work);
  const graph = (rows: number) => {
    const { scope } = Scope.root({ training: false, variable: ({ name }) => constant(weights[name]!) });
    return network.forward(scope, input(feedNames.input, 'f32', [rows, ...network.input.shape]));
  };
  const size = runtime.rowsAtOnce(work.batch, graph);
  const program = await runtime.compile({ logits: graph(size) });
  const logits = zeros('f32', [work.batch, numClasses]);
  const run = async () => {
    for (let first = 0; first < work.batch; first += size) {
      const into = { logits: rowsFrom(logits, first, size) };
      await program.run({ [feedNames.input]: rowsFrom(images, first, size) }, into);
    }
  };
  await run();
  return { check: Array.from(logits.data.slice(0, 10), Number), step: run, close: () => program.release() };
}

/** A step of the last blocks of a backbone, from the features of their images, and the head. */
export function openLastBlocks(work: NetworkWork, blocks: number, runtime: Runtime): Promise<OpenWork> {
  const table = parameterTable(networkOf(work), getModel(work.model));
  const first = table.blocks.get(backboneBlocks(table).at(-blocks)!)!;
  const names = [...table.parameters.keys()];
  const trained = new Set(names.slice(names.findIndex((name) => first.includes(name))));
  return openStep(work, runtime, { ...makeStart(work), trained });
}

async function openStep(work: NetworkWork, runtime: Runtime, start: NetworkStart): Promise<OpenWork> {
  const { weights, trained } = start;
  const { network, inputs } = await behindTheCut(work, runtime, start);
  const variables = variablesOf(network);
  const settings = new Map([...trained].map((name) => [name, { rate: 1 }]));
  const optimizer = sgd();
  const options: TrainingStepOptions = {
    batchSize: work.batch,
    optimizer,
    settings,
    batchNorm: batchNormOf(settings, 'running'),
    loss: crossEntropyLoss(),
  };
  const slots = [...trained].flatMap((name) =>
    optimizer.slots.map((slot) => [slotName(slot, name), zeros('f32', variables.get(name)!.shape)] as const),
  );
  const own = Object.fromEntries([...variables.keys()].map((name) => [name, weights[name]!]));
  const state = new State({ ...own, ...Object.fromEntries(slots) });
  const { program, noise } = await compileStep(network, options, runtime);
  const targets = i64(
    [work.batch],
    Array.from({ length: work.batch }, (_, i) => i),
  );
  let taken = 0;
  const step = async (draw: (noise: readonly Noise[], step: number) => Tensors) => {
    taken++;
    const scalars = Object.entries({ learningRate, ...optimizer.scalars(taken) });
    const results = await state.step(program, {
      [feedNames.input]: inputs,
      [feedNames.targets]: targets,
      ...draw(noise, taken),
      ...Object.fromEntries(scalars.map(([name, value]) => [scalarName(name), scalar(value)])),
    });
    return Number(results[resultNames.loss]!.data[0]);
  };
  const check: number[] = [];
  for (let i = 0; i < checkedSteps; i++) check.push(await step(keepAll));
  return { check, step: () => step((all, at) => drawNoise(all, 0, at)), close: () => program.release() };
}

/** Dropout that drops nothing: two libraries never draw the same. */
function keepAll(noise: readonly Noise[]): Tensors {
  return Object.fromEntries(
    noise.map(({ name, shape }) => [name, tensor('u8', shape, new Uint8Array(sizeOf(shape)).fill(1))]),
  );
}

/** The trained part of the network with its input: the images, or their features where the layers before are frozen. */
async function behindTheCut(
  work: NetworkWork,
  runtime: Runtime,
  { weights, images, trained }: NetworkStart,
): Promise<{ network: Network; inputs: Tensor }> {
  const { batch } = work;
  const network = networkOf(work);
  const cut = cutBefore(network, (name) => trained.has(name));
  if (!cut) return { network, inputs: images };
  const features = prefixGraph(network, cut.endpoint, batch, ({ name }) => constant(weights[name]!));
  const program = await runtime.compile({ features });
  const into = { features: zeros('f32', [batch, ...cut.shape]) };
  const inputs = (await program.run({ [feedNames.input]: images }, into)).features!;
  await program.release();
  return { network: cut.network, inputs };
}
