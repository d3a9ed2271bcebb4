/**
 * Optimizers, learning rate schedules and gradient clipping.
 *
 * @module graft-ml/optim
 */
export * from '@graft-ml/core/optim';
