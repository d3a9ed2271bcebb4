import type { Tensor } from '@graft-ml/core/internal/base/tensor';
import { writeSafetensorsFile } from 'graft-ml/internal/checkpoint/safetensors-file';
import { contenderOf, episodes, type MetaStepWork, metaStepWork, sessionsInWorkers } from '../meta-work.ts';
import type { OpenWork } from './graft-side.ts';
import { startFile } from './network-start.ts';
import type { MetaWork } from './works.ts';

/** Steps whose losses must agree with the peer's: before and after the first update. */
const checkedSteps = 2;

/** An outer step of meta-training as `graft meta train` takes it, with the tasks in parallel. */
export async function openMeta(work: MetaWork, threads: number): Promise<OpenWork> {
  const step = stepOf(work, threads);
  const check: number[] = [];
  const contender = await contenderOf(step, await sessionsInWorkers(step), (loss) => check.push(loss));
  await contender.time(checkedSteps);
  return { check: check.slice(), step: () => contender.time(1), close: contender.close };
}

/** Writes what the peer starts from: the first weights and the images of every task's episode. */
export async function writeMetaStart(folder: string, work: MetaWork): Promise<void> {
  const step = stepOf(work, 1);
  const source = episodes(step);
  const images = Array.from({ length: work.tasks }, (_, task): [string, Tensor][] => {
    const { support, query } = source.draw(step.shape, [task]);
    return [
      [`batch/support/${task}`, support],
      [`batch/query/${task}`, query],
    ];
  });
  await writeSafetensorsFile(startFile(folder), {
    ...step.initial,
    ...Object.fromEntries(images.flat()),
  });
}

function stepOf(work: MetaWork, threads: number): MetaStepWork {
  const { kind, side, filters, way, shots, queries, innerSteps, tasks } = work;
  return metaStepWork({
    ...{ threads, tasks, side, filters, innerSteps },
    shape: { way, shots, queries },
    order: kind === 'maml' ? 2 : 1,
    halving: 'max-pool',
    learner: kind === 'protonet' ? 'protonet' : 'maml',
  });
}
