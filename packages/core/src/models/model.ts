import type { Tensors } from '../base/tensor.ts';
import { input, reachable, type Value } from '../graph/index.ts';
import { globalAveragePool, Scope, under } from '../nn/index.ts';

/** A layer of a head without options of its own. */
export type HeadLayerName = 'relu' | 'gelu' | 'silu' | 'hardswish' | 'tanh' | 'batchnorm';
/** A layer of a head: a number is a linear layer with so many features. */
export type HeadLayer = number | HeadLayerName | { readonly dropout: number };
export type HeadLayers = readonly HeadLayer[];

/** The preprocessing that a network was trained with, and that all its images need. Part of the model. */
export interface Preprocessing {
  /** The shorter side after resizing, in pixels. */
  readonly resize: number;
  /** Both sides become `resize`, whatever the image's shape. Default: it keeps its shape. */
  readonly squash?: boolean | undefined;
  /** The side of the square that is cut from the centre, in pixels. */
  readonly crop: number;
  readonly interpolation: 'bilinear' | 'bicubic';
  /** The mean of pixels in [0, 1]: red, green, blue. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  /** Whether colours go through an embedded colour profile to sRGB. Default: they do. */
  readonly colourProfile?: 'apply' | 'ignore' | undefined;
  /** Whether images are turned upright, as their EXIF orientation says. Default: they are. */
  readonly orientation?: 'apply' | 'ignore' | undefined;
}

/** The preprocessing of torchvision's classifiers, and of nearly all others trained on ImageNet-1k. */
export const imageNetPreprocessing: Preprocessing = {
  resize: 256,
  crop: 224,
  interpolation: 'bilinear',
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/** A network in two parts: the backbone, which transfers, and the head, which is grafted on anew for other classes. */
export interface Architecture {
  /**
   * Images f32 (n, 3, h, w), normalised, to what the head takes: (n, f) or (n, c, h', w'). A backbone with an auxiliary
   * head tells `onAuxiliary` what that head takes, at the point where its parameters stand among the others.
   */
  backbone(s: Scope, x: Value, onAuxiliary?: (features: Value) => void): Value;
  /**
   * The backbone in the form that weights were made for, where one name stands for several: position embeddings have
   * sizes.
   */
  backboneFor?(weights: Tensors): Architecture['backbone'];
  /** The backbone's output to logits (n, numClasses). */
  head(s: Scope, features: Value, numClasses: number): Value;
  /** The path under which all of the head's parameters, and no others, stand. */
  readonly headPath: string;
  /** The layers before the head's last one, as `withHead` was given them. */
  readonly headLayers?: HeadLayers;
  /**
   * Applies those layers: from the backbone's output to the input of the head's last layer. Absent where the head is
   * one layer.
   */
  beforeLast?(s: Scope, features: Value): Value;
  /** The sides that an image may have, in pixels. Absent: any that the strides do not reduce to nothing. */
  readonly sides?: { readonly minimum?: number; readonly multipleOf?: number };
  /** A second head, for training only. */
  readonly auxiliary?: AuxiliaryHead;
  /**
   * Whether what it makes of an image depends on that image alone, but for batch norms that use their batch's own
   * statistics. Default: it is not known.
   */
  readonly isRowwise?: boolean;
}

/**
 * A head on an earlier part of the backbone, whose loss helps the layers before it to learn (Szegedy et al. 2014, section
 * 5).
 */
export interface AuxiliaryHead {
  readonly headPath: string;
  /** The weight of its loss, relative to 1 for the head's. */
  readonly weight: number;
  /** The shortest side of an image that it can learn from, in pixels. */
  readonly minimum: number;
  head(s: Scope, features: Value, numClasses: number): Value;
}

/** An architecture under its name. */
export interface NamedArchitecture extends Architecture {
  readonly name: string;
  /** The preprocessing that its published weights expect; a checkpoint's own takes precedence. */
  readonly preprocessing: Preprocessing;
  /** The paper. */
  readonly source: string;
}

/** The model in the form that these weights were made for. */
export function fittedTo<M extends Architecture>(model: M, weights: Tensors): M {
  return model.backboneFor ? { ...model, backbone: model.backboneFor(weights) } : model;
}

/**
 * The whole network: images f32 (n, 3, h, w) to logits (n, numClasses), or with `numClasses: 0` to the backbone's
 * features, averaged over the image (n, f).
 */
export function applyModel(model: Architecture, s: Scope, x: Value, { numClasses }: { numClasses: number }): Value {
  const { auxiliary } = model;
  const backbone = model.backbone(s, x, (early) => {
    if (!auxiliary || numClasses === 0) return;
    s.endpoint(auxiliaryLogits, auxiliary.head(s, early, numClasses), auxiliary.headPath);
  });
  const features = s.endpoint(backboneEndpoint, backbone);
  if (numClasses === 0) return features.shape.length === 4 ? globalAveragePool(features) : features;
  return s.endpoint('logits', model.head(s, features, numClasses), 'head');
}

/**
 * The input of the network's last layer: images f32 (n, 3, h, w), normalised, to vectors (n, f). Without a deeper head
 * these are the backbone's features, averaged over the image.
 */
export function penultimate(model: Architecture, s: Scope, x: Value): Value {
  const features = model.backbone(s, x);
  if (model.beforeLast) return model.beforeLast(s, features);
  return features.shape.length === 4 ? globalAveragePool(features) : features;
}

/** The endpoint where the head begins. */
export const backboneEndpoint = 'backbone';

/** The endpoint of an auxiliary head. */
export const auxiliaryLogits = 'auxiliary_logits';

/** The parameters of the heads: what is made anew for other classes. */
export function headPattern({ headPath, auxiliary }: Architecture): RegExp {
  return auxiliary ? under(headPath, auxiliary.headPath) : under(headPath);
}

/** The primitives that have weights, by which the depth of an activation is counted. */
const weighted = new Set(['Conv2d', 'MatMul']);

/**
 * True for a network with residual connections (He et al. 2015), by its graph and not by its name: somewhere two
 * activations are added of which one has gone through more layers than the other.
 */
export function hasResiduals({
  backbone,
  preprocessing: { crop },
}: Pick<NamedArchitecture, 'backbone' | 'preprocessing'>): boolean {
  const images = input('images', 'f32', [1, 3, crop, crop]);
  const { scope } = Scope.root({ training: false });
  /** The number of layers on the longest path to each activation. */
  const depths = new Map<Value, number>();
  for (const value of reachable([backbone(scope, images)])) {
    const before = value.inputs.flatMap((operand) => depths.get(operand) ?? []);
    if (value !== images && before.length === 0) continue;
    if (value.op.name === 'Add' && before.length === 2 && before[0] !== before[1]) return true;
    depths.set(value, before.reduce((a, b) => Math.max(a, b), 0) + (weighted.has(value.op.name) ? 1 : 0));
  }
  return false;
}
