/**
 * Gradients as graphs: of a scalar, and of several outputs along given cotangents. A gradient can be differentiated
 * again.
 *
 * @module graft-ml/grad
 */
export * from '@graft-ml/core/grad';
