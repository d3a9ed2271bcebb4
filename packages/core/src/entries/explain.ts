/**
 * What in an image speaks for a class: Grad-CAM, integrated gradients, occlusion; their maps laid on the image.
 *
 * @module @graft-ml/core/explain
 */
export { type AttributeOptions, type Attribution, type Explainer, upsample } from '../explain/attribution.ts';
export { colourOf } from '../explain/colour-map.ts';
export {
  type ExplainedImage,
  type ExplainOptions,
  type Explanation,
  explain,
  openExplainer,
} from '../explain/explain.ts';
export { type GradCamAttribution, type GradCamOptions, gradCam, openGradCam } from '../explain/grad-cam.ts';
export {
  type IntegratedGradientsAttribution,
  type IntegratedGradientsOptions,
  integratedGradients,
} from '../explain/integrated-gradients.ts';
export { type ExplainMethod, explainMethods } from '../explain/methods.ts';
export { type Neighbour, nearestNeighbours } from '../explain/neighbours.ts';
export { type OcclusionOptions, occlusion } from '../explain/occlusion.ts';
export { type ClassOverlap, classOverlap, type OverlappingClasses } from '../explain/overlap.ts';
export { interleaved, type OverlayOptions, overlay, sideBySide } from '../explain/overlay.ts';
export { type Pca, type PcaOptions, pca } from '../explain/pca.ts';
export type { AttributionOptions, ExplainedNetwork } from '../explain/subject.ts';
export { type UmapOptions, umap } from '../explain/umap.ts';
