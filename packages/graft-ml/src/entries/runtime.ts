export * from '@graft-ml/core/runtime';
export { defaultCache, type FolderCache, folderCache } from '../cache/index.ts';
export {
  createRuntime,
  inspectMachine,
  type KernelChoice,
  type Machine,
  type NodeRuntimeOptions,
} from '../runtime/index.ts';
export type { MachineOptions } from '../runtime/machine.ts';
