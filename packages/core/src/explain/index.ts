export { type AttributeOptions, type Attribution, type Explainer, upsample } from './attribution.ts';
export { colourOf } from './colour-map.ts';
export {
  type ExplainedImage,
  type ExplainOptions,
  type Explanation,
  explain,
  methodFor,
  openExplainer,
} from './explain.ts';
export { type GradCamAttribution, type GradCamOptions, gradCam, openGradCam } from './grad-cam.ts';
export {
  type IntegratedGradientsAttribution,
  type IntegratedGradientsOptions,
  integratedGradients,
} from './integrated-gradients.ts';
export { type ExplainMethod, explainMethods } from './methods.ts';
export { type Neighbour, nearestNeighbours } from './neighbours.ts';
export { type OcclusionOptions, occlusion } from './occlusion.ts';
export { type ClassOverlap, classOverlap, type OverlappingClasses } from './overlap.ts';
export { interleaved, type OverlayOptions, overlay, sideBySide } from './overlay.ts';
export { type Pca, type PcaOptions, pca } from './pca.ts';
export type { AttributionOptions, ExplainedNetwork } from './subject.ts';
export { type UmapOptions, umap } from './umap.ts';
