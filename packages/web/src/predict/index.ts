/**
 * Models that `graft export` wrote, in a page: what a site ships, without anything that trains.
 *
 * @module @graft-ml/web/predict
 */
export { UserError } from '@graft-ml/core/internal/base/errors';
export type { PixelImage } from '@graft-ml/core/internal/image/decoder';
export { ImageError } from '@graft-ml/core/internal/image/problem';
export type { PredictedClass } from '@graft-ml/core/internal/predict/image-predictor';
export type { CanvasFrame, PageImage } from '../image/frame.ts';
export type { WasmFiles } from '../runtime/ort.ts';
export { loadPredictor, Predictor, type PredictorOptions } from './predictor.ts';
