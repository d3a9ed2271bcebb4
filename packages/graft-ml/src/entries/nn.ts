/**
 * Layers, initialisers, losses, and the scope that names the parameters of a network.
 *
 * @module graft-ml/nn
 */
export * from '@graft-ml/core/nn';
