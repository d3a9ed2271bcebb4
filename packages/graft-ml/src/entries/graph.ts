/**
 * Programs as graphs of values: inputs, constants, types, printing, and writing them as ONNX.
 *
 * @module graft-ml/graph
 */
export * from '@graft-ml/core/graph';
