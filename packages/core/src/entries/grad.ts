/**
 * Gradients as graphs: of a scalar, and of several outputs along given cotangents. A gradient can be differentiated
 * again.
 *
 * @module @graft-ml/core/grad
 */
export { type GradOptions, grad, vjp } from '../grad/index.ts';
