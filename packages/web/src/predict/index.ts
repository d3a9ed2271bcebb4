/**
 * Models that `graft export` wrote, in a page: what a site ships, without anything that trains.
 *
 * @module @graft-ml/web/predict
 */
export type { PixelImage } from '@graft-ml/core/internal/image/decoder';
export type { CanvasFrame, PageImage } from '../image/frame.ts';
export type { WasmFiles } from '../runtime/ort.ts';
export {
  loadPredictor,
  type PredictedClass,
  Predictor,
  type PredictorOptions,
} from './predictor.ts';
