export { explain } from './explain.ts';
export { type EmbeddedImage, type EmbedRunOptions, embedRun, type RunEmbedding } from './run-embedding.ts';
export { type WriteOverlaysOptions, type WrittenOverlay, writeOverlays } from './write-overlays.ts';
