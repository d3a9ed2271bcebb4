import type { Network } from '@graft-ml/core/internal/fit/step';
import { trainingStep } from '@graft-ml/core/internal/fit/step';
import { optimizers } from '@graft-ml/core/internal/optim/index';
import { crossEntropy } from '@graft-ml/core/nn';
import type { Placement, TuningEvent } from '@graft-ml/core/runtime';
import { defaultCache } from '../cache/folder-cache.ts';
import type { FolderCache } from '../files/cache-folder.ts';
import { availableCores } from '../files/own-process.ts';
import { chooseDevice, createRuntime, type DeviceName } from '../runtime/index.ts';

/** Where each primitive of a training step is computed. */
export interface StepPlacements {
  readonly device: Exclude<DeviceName, 'auto'>;
  /** A sentence, where the device was `auto`. */
  readonly reason: string | null;
  readonly batchSize: number;
  /** Empty on a device whose kernels are not checked: there ONNX Runtime decides in silence. */
  readonly placements: readonly Placement[];
}

export interface StepPlacementsOptions {
  readonly batchSize: number;
  /** The names of the parameters that are trained. */
  readonly trained: readonly string[];
  /** The cache that remembers what was checked. Default: `defaultCache()`; null: none. */
  readonly cache?: FolderCache | null | undefined;
  readonly onCheck?: ((event: TuningEvent) => void) | undefined;
}

/**
 * Checks the primitives of a training step of a classifier on a device, at their shapes. Nothing is trained.
 *
 * @throws UserError where the device is not there
 */
export async function stepPlacements(
  network: Network,
  asked: DeviceName,
  { batchSize, trained, cache = defaultCache(), onCheck }: StepPlacementsOptions,
): Promise<StepPlacements> {
  const { device, reason } = chooseDevice(asked);
  const threads = availableCores();
  const runtime = createRuntime({ device, threads, cache, tune: false, ...(onCheck && { onCheck }) });
  const { outputs } = trainingStep(network, {
    batchSize,
    optimizer: optimizers.sgd(),
    settings: new Map(trained.map((name) => [name, { rate: 1 }])),
    batchNorm: 'running',
    loss: crossEntropy,
  });
  await runtime.encode(outputs);
  return { device, reason, batchSize, placements: runtime.placements };
}
