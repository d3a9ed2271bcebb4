/*
 * Convolution and its backward passes as ONNX nodes. No form is the best at every shape (docs/performance.md has the
 * timings), so each gives several and the runtime chooses by timing them at the shape in question.
 */
export { convLowerings } from './forward.ts';
export { inputGradLowerings } from './input-grad.ts';
export { weightGradLowerings } from './weight-grad.ts';
