import type { MetaConfigInput } from '@graft-ml/core/internal/recipe/meta/index';
import { evaluateFolder } from 'graft-ml/internal/evaluate/evaluate-folder';
import { adaptMeta } from 'graft-ml/internal/meta/adapt-meta';
import { metaWork } from 'graft-ml/internal/meta/meta-work';
import { openLearner } from 'graft-ml/internal/meta/open-learner';
import { trainMeta } from 'graft-ml/internal/meta/train-meta';

export interface PhaseOneOptions {
  readonly model: string;
  /** Side of the images, in pixels. */
  readonly side: number;
  readonly shots: number;
  readonly queries: number;
  readonly innerSteps: number;
  readonly innerRate: number;
  readonly metaBatch: number;
  readonly metaSteps: number;
  readonly threads: number;
  readonly seed: number;
  /** The run folder of the meta-training, and that of the network which phase two goes on with. */
  readonly meta: string;
  readonly adapted: string;
}

export interface PhaseOne {
  /** On the validation images, as it is written. */
  readonly accuracy: number;
  /** On the test images. */
  readonly test: number;
  readonly seconds: number;
  /** Of one meta-step: forward, inner steps, and back through them. */
  readonly flopsPerStep: number;
}

/**
 * Meta-learning on subsets of a dataset: each episode has a few training images of every class, and a class has the
 * same label in all of them, so that the head is learned too. `graft meta adapt` then takes the inner steps on one more
 * such subset, which also gives the batch norms the running statistics that meta-learning has no use for.
 */
export async function phaseOne(folder: string, options: PhaseOneOptions): Promise<PhaseOne> {
  const { side, shots, queries, metaSteps, metaBatch, seed, meta, adapted, ...others } = options;
  const began = performance.now();
  const config: MetaConfigInput = {
    ...others,
    learner: 'maml',
    imageSize: side,
    fixedLabels: true,
    schedule: 'constant',
    ...{ shots, queries, metaSteps, metaBatch, seed, validateEvery: metaSteps, episodes: 4 },
  };
  for await (const _ of trainMeta(folder, config, { out: meta, overwrite: true }));
  await adaptMeta(meta, folder, { out: adapted, shots, overwrite: true });
  const seconds = (performance.now() - began) / 1000;
  const { accuracy } = await evaluateFolder(adapted, folder, { part: 'validation' });
  const { accuracy: test } = await evaluateFolder(adapted, folder, { part: 'test' });
  const [work] = metaWork(await openLearner(meta));
  return { accuracy, test, seconds, flopsPerStep: work!.flopsPerStep };
}
