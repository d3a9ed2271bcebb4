import type { InferenceSession } from 'onnxruntime-common';

/**
 * ORT's optimizers and rewriting rules that find nothing in a training step as Graft writes it: equal nodes are one already,
 * nothing is quantised, layer norm, softmax and GELU are ORT's own operators. Each looks through thousands of nodes, some
 * again and again. What they would fold or lay out anew are weights, and a graph that holds none has none to fold.
 *
 * Those that stay merge activations and sums into convolutions and products, and move transposes
 * (docs/performance.md, "Start").
 */
const idle = [
  ...['CommonSubexpressionElimination', 'ConstantFolding', 'ConstantSharing', 'FreeDimensionOverrideTransformer'],
  ...['FuseInitializersTransformer', 'NchwcTransformer', 'NhwcTransformer', 'PropagateCastOps', 'RocmBlasAltImpl'],
  ...['Level2_RuleBasedTransformer', 'ReshapeFusion', 'PadFusion', 'ConcatSliceElimination', 'LabelEncoderFusion'],
  ...['GemmActivationFusion', 'GatherToSliceFusion', 'LayerNormFusion', 'LayerNormFusionL1', 'LayerNormFusionL2'],
  ...['SimplifiedLayerNormFusion', 'SkipLayerNormFusion', 'EmbedLayerNormFusion', 'AttentionFusion', 'FastGeluFusion'],
  ...['GeluFusion', 'GeluFusionL1', 'GeluFusionL2', 'BiasGeluFusion', 'QuickGeluFusion', 'BiasSoftmaxFusion'],
  ...['BiasDropoutFusion', 'GroupQueryAttentionFusion', 'MatMulActivationFusion', 'MatMulNBitsFusion'],
  // Of quantised graphs.
  ...['QDQPropagationTransformer', 'QDQSelectorActionTransformer', 'QDQS8ToU8Transformer', 'DoubleQDQPairsRemover'],
  ...['EnsureUniqueDQForNodeUnit', 'WeightBiasQuantization', 'MatMulIntegerToFloatFusion'],
  ...['DynamicQuantizeMatMulFusion', 'ClipQuantFusion', 'ReluQuantFusion'],
  // Rules.
  ...['EliminateIdentity', 'EliminateSlice', 'EliminateDropout', 'UnsqueezeElimination', 'ExpandElimination'],
  ...['CastElimination', 'CastChainElimination', 'PreShapeNodeElimination', 'NoopElimination', 'NotWhereFusion'],
  ...[
    'DivMulFusion',
    'FuseReluClip',
    'GemmSumFusion',
    'ConvAddFusion',
    'ConvMulFusion',
    'ConvBNFusion',
    'MatMulBNFusion',
  ],
];

/** Bytes of a model, constants included, from which on it holds weights. */
const withWeights = 2 ** 20;

/**
 * The options of a session for a model of so many bytes: those of a training step where it holds no weights.
 *
 * There ORT plans no memory. Its plan of a whole run is made after the first, and is one more block beside the memory
 * that the first run took piece by piece, which stays: with it a step takes up to twice the memory, and the second step
 * up to three times as long as any other, for steps that are as a rule 0 to 3 % faster.
 *
 * Kernels lay weights out anew for themselves when a session opens. What they were made of goes back to the system then;
 * ORT's arena would keep it.
 */
export function optionsOf(bytes: number): InferenceSession.SessionOptions {
  if (bytes >= withWeights) return { extra: { 'session.use_device_allocator_for_initializers': '1' } };
  return { enableMemPattern: false, extra: { optimization: { disable_specified_optimizers: idle.join(';') } } };
}
