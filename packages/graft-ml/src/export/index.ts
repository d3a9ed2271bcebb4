export { type Exported, type ExportOptions, exportClassifier } from './export-classifier.ts';
