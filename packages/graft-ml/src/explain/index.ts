export { explain } from './explain.ts';
export { type WriteOverlaysOptions, type WrittenOverlay, writeOverlays } from './write-overlays.ts';
