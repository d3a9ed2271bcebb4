import { type TensorOf, type Tensors, zeros } from '../base/tensor.ts';
import { imageNetwork } from '../fit/network.ts';
import { labelTensor } from '../fit/source.ts';
import { variablesOf } from '../fit/step.ts';
import type { ImageDataset } from '../image/dataset.ts';
import { openFeatures } from '../meta/baselines/features.ts';
import { learners } from '../meta/learners.ts';
import { linearOf } from '../meta/prototypes.ts';
import { adaptationGraph, prototypeGraph, type TaskShape, taskNames } from '../meta/task-graph.ts';
import type { CompileTasks } from '../meta/task-program.ts';
import type { NamedArchitecture, Preprocessing } from '../models/index.ts';
import type { HeadLayers } from '../models/model.ts';
import { withLayers } from '../models/with-layers.ts';
import { initialise } from '../nn/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Adaptable } from './open-learner.ts';

/** Support images side by side, each planar u8 (3, crop, crop): (n, 3, crop, crop). */
export function supportTensor(views: readonly Uint8Array[], { crop }: Preprocessing): TensorOf<'u8'> {
  const support = zeros('u8', [views.length, 3, crop, crop]);
  for (const [i, view] of views.entries()) support.data.set(view, i * view.length);
  return support;
}

function supportFeeds(support: TensorOf<'u8'>, { train }: ImageDataset): Tensors {
  return { [taskNames.support]: support, [taskNames.supportLabels]: labelTensor(train.map(({ label }) => label)) };
}

/** Labels are not drawn here, so there are no queries. */
function shapeOf({ classes, train }: ImageDataset): TaskShape {
  return { way: classes.length, support: train.length, queries: 1 };
}

/** The network after the inner loop. */
export async function adapted(
  { network, learner, values }: Adaptable,
  support: TensorOf<'u8'>,
  dataset: ImageDataset,
  runtime: Runtime,
  steps: number,
): Promise<Tensors> {
  if (learner.kind === 'prototypes') throw new Error(`adapted: ${learner.name} has no inner loop`);
  const program = await runtime.compile(adaptationGraph(network, learner, shapeOf(dataset), steps));
  try {
    return await program.run({ ...values, ...supportFeeds(support, dataset) });
  } finally {
    await program.release();
  }
}

/** One linear layer on the averaged features, whatever the model's own head is. */
const linearHead: HeadLayers = [{ dropout: 0 }];

/** The network as it is, with what the support says of each class as its head. */
export async function withMeans(
  opened: Adaptable,
  support: TensorOf<'u8'>,
  dataset: ImageDataset,
  runtime: Runtime,
  parallel: CompileTasks,
): Promise<{ model: NamedArchitecture; head: HeadLayers; tensors: Tensors }> {
  const { network, learner, values, config } = opened;
  const model = withLayers(opened.model, linearHead);
  const at = `${model.headPath}.1`;
  const entry = learners[config.learner];
  if (entry.kind === 'baseline') {
    const features = await openFeatures(network, values, { runtime, parallel });
    const labels = dataset.train.map(({ label }) => label);
    const { weight, bias } = entry.fitHead({ features: await features.of(support), labels });
    await features.close();
    return { model, head: linearHead, tensors: { ...values, [`${at}.weight`]: weight, [`${at}.bias`]: bias } };
  }
  if (learner.kind !== 'prototypes') throw new Error(`withMeans: ${learner.name} has an inner loop`);
  const { prototypes, ...renewed } = prototypeGraph(network, learner, shapeOf(dataset));
  const { weight, bias } = linearOf(prototypes!);
  const program = await runtime.compile({ ...renewed, [`${at}.weight`]: weight, [`${at}.bias`]: bias });
  try {
    const results = await program.run({ ...values, ...supportFeeds(support, dataset) });
    return { model, head: linearHead, tensors: { ...values, ...results } };
  } finally {
    await program.release();
  }
}

/**
 * The variables of the network that is written, and no others; what training alone needs (an auxiliary head) begins
 * anew.
 */
export function complete(
  model: NamedArchitecture,
  preprocessing: Preprocessing,
  { classes }: ImageDataset,
  tensors: Tensors,
): Tensors {
  const variables = [...variablesOf(imageNetwork(model, preprocessing, classes.length)).values()];
  const missing = variables.filter(({ name }) => !(name in tensors));
  const known = variables.flatMap(({ name }) => (tensors[name] ? [[name, tensors[name]] as const] : []));
  return { ...initialise(missing, 0), ...Object.fromEntries(known) };
}
