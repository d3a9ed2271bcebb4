export * from '@graft-ml/core/explain';
export { explain, type WriteOverlaysOptions, type WrittenOverlay, writeOverlays } from '../explain/index.ts';
