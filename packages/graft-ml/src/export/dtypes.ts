import type { ExportDtype, OnnxModel } from '@graft-ml/core/internal/export/index';
import type { Classifier } from '../predict/classifier.ts';

/** What the conversion of a network to other numbers can use. */
export interface DtypeContext {
  /** The classifier that is exported. */
  readonly classifier: Classifier;
  /** The run that it is of; null of a classifier alone. */
  readonly run: string | null;
  readonly signal: AbortSignal | undefined;
  onProgress(done: number, total: number): void;
}

/** Converts a network that takes `pixels` or `pixel_values`; preprocessing and metadata come after it. */
export type ConvertDtype = (network: OnnxModel, context: DtypeContext) => Promise<OnnxModel>;

/** The conversions from fp32, by dtype. One that is added here is added to `exportDtypes` of the core, too. */
export const dtypes: { readonly [D in ExportDtype]: ConvertDtype } = {
  fp32: async (network) => network,
};
