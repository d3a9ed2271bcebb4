/**
 * What in an image speaks for a class (Grad-CAM, integrated gradients, occlusion), overlays, and maps of feature
 * space.
 *
 * @module graft-ml/explain
 */
export * from '@graft-ml/core/explain';
export { explain, type WriteOverlaysOptions, type WrittenOverlay, writeOverlays } from '../explain/index.ts';
export { type EmbeddedImage, type EmbedRunOptions, embedRun, type RunEmbedding } from '../explain/run-embedding.ts';
