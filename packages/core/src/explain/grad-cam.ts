import type { Tensor, TensorOf } from '../base/tensor.ts';
import { zeros } from '../base/tensor.ts';
import { setRow } from '../fit/source.ts';
import { feedNames } from '../fit/step.ts';
import { grad } from '../grad/index.ts';
import { mul, reduceMean, reduceSum, relu } from '../ops/index.ts';
import { type Attribution, type Explainer, normalise, upsample } from './attribution.ts';
import { asMap, endpointNamed, lastSpatial } from './spatial.ts';
import {
  type AttributionOptions,
  assertImages,
  type ExplainedNetwork,
  explainedGraph,
  imageShape,
  inBatches,
  oneHot,
  openOutputs,
  outputsAndTargets,
  padded,
  targetFeed,
  usualBatch,
} from './subject.ts';

export interface GradCamOptions extends AttributionOptions {
  /** The endpoint whose activations are looked at: `layer3`. Default: the last one that is a map of the image. */
  readonly endpoint?: string | undefined;
}

/** Where a class is seen, by Grad-CAM. Nothing speaks against a class here: `raw` is never below 0. */
export interface GradCamAttribution extends Attribution {
  /** The endpoint whose activations were looked at. */
  readonly endpoint: string;
  /** f32 (n, h', w'): `raw` as the endpoint's map has it, before it is brought to the size of the image. */
  readonly grid: TensorOf<'f32'>;
}

const camName = 'explain/cam';

/**
 * Where in each image the class is seen: the channels of an endpoint's map A, weighted by the mean of their gradient and
 * rectified, L = ReLU(Σ_k α_k A_k) with α_k = mean_ij ∂y/∂A_kij (Selvaraju et al. 2017, equations 1 and 2). Tokens of a
 * transformer are read as the grid of patches that they are.
 *
 * @param images (n, c, h, w) as the network takes them: of an image model u8, resized and cropped
 * @throws OptionError where the images, targets or endpoint do not fit; the signal's reason
 * @example const { normalised } = await gradCam(model, images, { endpoint: 'layer4' }); // (n, 224, 224)
 */
export async function gradCam(
  subject: ExplainedNetwork,
  images: Tensor,
  options: GradCamOptions = {},
): Promise<GradCamAttribution> {
  assertImages(subject, images);
  const batchSize = Math.min(options.batchSize ?? usualBatch, images.shape[0]!);
  await using explainer = await openGradCam(subject, { ...options, batchSize });
  return await explainer.attribute(images, options);
}

/** Compiles Grad-CAM for one batch of images after the other. */
export async function openGradCam(
  subject: ExplainedNetwork,
  { endpoint, batchSize: size = usualBatch }: Pick<GradCamOptions, 'endpoint' | 'batchSize'> = {},
): Promise<Explainer<GradCamAttribution>> {
  const shape = imageShape(subject);
  const { outputs, score, endpoints } = explainedGraph(subject, size);
  const place =
    endpoint === undefined
      ? lastSpatial(endpoints, outputs, shape)
      : endpointNamed(endpoint, endpoints, outputs, shape);
  const [gradient] = grad(score, [place.value]);
  const weights = reduceMean(asMap(gradient!, place), [2, 3], true);
  const cam = relu(reduceSum(mul(weights, asMap(place.value, place)), [1]));
  const program = await subject.runtime.compile({ [camName]: cam });
  const forward = await openOutputs(subject, size);
  const close = async () => {
    await program.release();
    await forward.release();
  };
  return {
    classes: forward.classes,
    passes: 1,
    endpoint: place.name,
    close,
    [Symbol.asyncDispose]: close,
    async attribute(images, options = {}) {
      const { count, outputs: logits, targets } = await outputsAndTargets(subject, forward, images, options);
      const grid = zeros('f32', [count, place.height, place.width]);
      const feeds = (first: number, some: number) => ({
        ...subject.variables,
        [feedNames.input]: padded(images, first, some, size),
        [targetFeed]: oneHot(targets.slice(first, first + some), [size, forward.classes]),
      });
      await inBatches(program, { count, size, feeds }, (row, of) => setRow(grid, row, of(camName)), options);
      const raw = upsample(grid, shape.height, shape.width);
      return { raw, normalised: normalise(raw), targets, outputs: logits, endpoint: place.name, grid };
    },
  };
}
