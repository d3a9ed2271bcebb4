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

/** The options of a session for a model of so many bytes: those of a training step where it holds no weights. */
export function optionsOf(bytes: number): InferenceSession.SessionOptions {
  return bytes >= withWeights ? {} : { extra: { optimization: { disable_specified_optimizers: idle.join(';') } } };
}
