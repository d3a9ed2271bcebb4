/**
 * Trained runs as files that others open.
 *
 * @module graft-ml/export
 */
export type { CardFormat } from '@graft-ml/core/internal/export/card-usage';
export {
  type Exported,
  type ExportOptions,
  exportClassifier,
  type ModelCardOptions,
  modelCard,
} from '../export/index.ts';
