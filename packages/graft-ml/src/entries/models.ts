/**
 * The model zoo: architectures, models by name, their heads, published weights, and foreign ONNX classifiers.
 *
 * @module graft-ml/models
 */
export * from '@graft-ml/core/models';
