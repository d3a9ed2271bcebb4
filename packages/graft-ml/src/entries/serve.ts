/**
 * Trained models behind HTTP: predictions, the Open Inference Protocol, metrics.
 *
 * @module graft-ml/serve
 */
export {
  type ModelServer,
  type NamedModel,
  type ServeLimits,
  type ServeLog,
  type ServeOptions,
  serveModels,
} from '../serve/index.ts';
