export { type Exported, type ExportOptions, exportClassifier } from './export-classifier.ts';
export { type ModelCardOptions, modelCard } from './model-card.ts';
