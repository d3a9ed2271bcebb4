/*
 * The choices of an export, without the code behind them: the command line lists them before it loads anything.
 */

/** The formats that a classifier is exported in; `formats.ts` has the rule of each. */
export const exportFormats = ['onnx', 'hf', 'timm', 'triton', 'safetensors'] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** The number formats of an exported network. */
export const exportDtypes = ['fp32'] as const;
export type ExportDtype = (typeof exportDtypes)[number];

/** Whether an exported model resizes and crops images itself, or takes what its reader prepared. */
export const preprocessingPlaces = ['outside', 'inside'] as const;
export type PreprocessingPlace = (typeof preprocessingPlaces)[number];
