/**
 * Models that `graft export` wrote, in Node: what a service imports. Behind it are ONNX Runtime and an image decoder, and
 * nothing that trains.
 *
 * @module graft-ml/predict
 */
export * from '@graft-ml/core/predict';
export { loadPredictor, Predictor, type PredictorOptions } from '../predict/predictor.ts';
export type { PredictorImage } from '../predict/predictor-images.ts';
