export * from '@graft-ml/core/runtime';
export {
  createRuntime,
  inspectMachine,
  type KernelChoice,
  type Machine,
  type NodeRuntimeOptions,
} from '../runtime/index.ts';
