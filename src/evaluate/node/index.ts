export { Classifier, type ClassifierOptions, openModel, openRun, type Prediction } from './classifier.ts';
export { type EvaluateOptions, evaluateFolder, type FolderEvaluation, type Part } from './evaluate-folder.ts';
export { type Exported, type ExportOptions, exportClassifier } from './export.ts';
