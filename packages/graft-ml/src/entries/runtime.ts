/**
 * Running graphs on ONNX Runtime: compile once per shape, then feed tensors; the cache, and what the machine can do.
 *
 * @module graft-ml/runtime
 */
export * from '@graft-ml/core/runtime';
export { defaultCache, type FolderCache, folderCache } from '../cache/index.ts';
export {
  type ChosenDevice,
  chooseDevice,
  createRuntime,
  type DeviceName,
  inspectMachine,
  type KernelChoice,
  type Machine,
  type NodeRuntimeOptions,
} from '../runtime/index.ts';
export type { MachineOptions } from '../runtime/machine.ts';
