/**
 * Models on the Hugging Face hub: a run pushed with its model card, and pulled into a folder.
 *
 * @module graft-ml/hub
 */
export type { HubOptions } from '../hub/access.ts';
export type { PullDtype } from '../hub/model-layout.ts';
export { type Pulled, type PulledFile, type PullOptions, pullModel } from '../hub/pull-model.ts';
export {
  type Pushed,
  type PushedFile,
  type PushFormat,
  type PushOptions,
  type PushProgress,
  pushModel,
  type Visibility,
} from '../hub/push-model.ts';
