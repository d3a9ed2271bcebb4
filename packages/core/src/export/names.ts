/*
 * The choices of an export, without the code behind them: the command line lists them before it loads anything.
 */

/** The formats that a classifier is exported in; `formats.ts` has the rule of each. */
export const exportFormats = ['onnx', 'hf', 'timm', 'triton', 'safetensors'] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** Whether a format has an ONNX model, and not weights alone. */
export function hasNetwork(format: ExportFormat): boolean {
  return format !== 'timm' && format !== 'safetensors';
}

/** The number formats of an exported network. */
export const exportDtypes = ['fp32', 'fp16', 'int8'] as const;
export type ExportDtype = (typeof exportDtypes)[number];

/** The number formats of one export; the first is the one that readers take where none is named. */
export type ExportDtypes = readonly [ExportDtype, ...ExportDtype[]];

/** The file of a network in a folder for transformers.js and optimum, and transformers.js's name of its numbers. */
export const hubNetworks = {
  fp32: { file: 'onnx/model.onnx', dtype: 'fp32' },
  fp16: { file: 'onnx/model_fp16.onnx', dtype: 'fp16' },
  int8: { file: 'onnx/model_quantized.onnx', dtype: 'q8' },
} as const satisfies Readonly<Record<ExportDtype, { readonly file: string; readonly dtype: string }>>;

/** Images that an exported model takes at once; `any`: as many as it is given. */
export type ExportBatch = number | 'any';

/** Whether an exported model resizes and crops images itself, or takes what its reader prepared. */
export const preprocessingPlaces = ['outside', 'inside'] as const;
export type PreprocessingPlace = (typeof preprocessingPlaces)[number];

/**
 * The choice of an activation's 8-bit range from the numbers that were seen:
 *
 * - `minmax`: all of them
 * - `percentile`: all but 0.01 % of them, half of these at either end
 * - `mse`: the range with the least mean squared error of the quantised numbers, of clipping and rounding together
 */
export const calibrationMethods = ['minmax', 'percentile', 'mse'] as const;
export type CalibrationMethod = (typeof calibrationMethods)[number];

/** The bits of an 8-bit weight that are used; see `QuantiseOptions`. */
export const weightBitChoices = [7, 8, 'auto'] as const;
export type WeightBits = (typeof weightBitChoices)[number];
