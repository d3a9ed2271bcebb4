/**
 * Differentiable operations on values, to any order.
 *
 * @module graft-ml/ops
 */
export * from '@graft-ml/core/ops';
