/**
 * Trained runs as files that others open.
 *
 * @module graft-ml/export
 */
export { type Exported, type ExportOptions, exportClassifier } from '../export/index.ts';
