import { type TensorOf, type Tensors, zeros } from '@graft-ml/core/internal/base/tensor';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { labelTensor } from '@graft-ml/core/internal/fit/source';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import { learners } from '@graft-ml/core/internal/meta/learners';
import type { CompileTasks } from '@graft-ml/core/internal/meta/meta-course';
import { linearOf } from '@graft-ml/core/internal/meta/prototypes';
import { adaptationGraph, prototypeGraph, type TaskShape, taskNames } from '@graft-ml/core/internal/meta/task-graph';
import type { HeadLayers } from '@graft-ml/core/internal/models/model';
import { withLayers } from '@graft-ml/core/internal/models/with-layers';
import type { NamedArchitecture, Preprocessing } from '@graft-ml/core/models';
import { initialise } from '@graft-ml/core/nn';
import type { Runtime } from '@graft-ml/core/runtime';
import type { Dataset, DatasetImage } from '../data/dataset.ts';
import type { ImagePool } from '../data/image-pool.ts';
import { openFeatures } from './baseline.ts';
import type { OpenLearner } from './open-learner.ts';

/** (n, 3, crop, crop) as evaluation sees them. */
export async function readSupport(
  images: readonly DatasetImage[],
  preprocessing: Preprocessing,
  pool: ImagePool,
): Promise<TensorOf<'u8'>> {
  const { crop } = preprocessing;
  const views = await Promise.all(images.map((image) => pool.view(image, { kind: 'evaluation', preprocessing }, crop)));
  const support = zeros('u8', [images.length, 3, crop, crop]);
  views.forEach((view, i) => {
    support.data.set(view, i * view.length);
  });
  return support;
}

function supportFeeds(support: TensorOf<'u8'>, { train }: Dataset): Tensors {
  return { [taskNames.support]: support, [taskNames.supportLabels]: labelTensor(train.map(({ label }) => label)) };
}

/** Labels are not drawn here, so there are no queries. */
function shapeOf({ classes, train }: Dataset): TaskShape {
  return { way: classes.length, support: train.length, queries: 1 };
}

/** The network after the inner loop. */
export async function adapted(
  { network, learner, values }: OpenLearner,
  support: TensorOf<'u8'>,
  dataset: Dataset,
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
  opened: OpenLearner,
  support: TensorOf<'u8'>,
  dataset: Dataset,
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
  { classes }: Dataset,
  tensors: Tensors,
): Tensors {
  const variables = [...variablesOf(imageNetwork(model, preprocessing, classes.length)).values()];
  const missing = variables.filter(({ name }) => !(name in tensors));
  const known = variables.flatMap(({ name }) => (tensors[name] ? [[name, tensors[name]] as const] : []));
  return { ...initialise(missing, 0), ...Object.fromEntries(known) };
}
