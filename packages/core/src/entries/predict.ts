/**
 * Exported models at work, whatever runs them and decodes the images.
 *
 * @module @graft-ml/core/predict
 */
export { UserError } from '../base/errors.ts';
export type { PixelImage } from '../image/decoder.ts';
export { ImageError, type ImageProblem, type ImageProblemKind } from '../image/problem.ts';
export { type ExportedModel, type ModelInput, readExportedModel } from '../predict/exported-model.ts';
export {
  ImagePredictor,
  type PredictedClass,
  type PredictorParts,
  type PredictorSession,
} from '../predict/image-predictor.ts';
