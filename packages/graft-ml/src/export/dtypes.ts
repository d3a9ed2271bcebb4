import { type ExportDtype, halfModel, type OnnxModel } from '@graft-ml/core/internal/export/index';
import type { Int8Conversion } from './int8.ts';

/** What the conversion of a network to other numbers can use. */
export interface DtypeContext {
  readonly int8: Int8Conversion;
}

/** Converts a network that takes `pixels` or `pixel_values`; preprocessing and metadata come after it. */
export type ConvertDtype = (network: OnnxModel, context: DtypeContext) => Promise<OnnxModel>;

/** The conversions from fp32, by dtype. One that is added here is added to `exportDtypes` of the core, too. */
const dtypes: { readonly [D in ExportDtype]: ConvertDtype } = {
  fp32: async (network) => network,
  fp16: async (network) => halfModel(network),
  int8: (network, { int8 }) => int8.convert(network),
};

/** Converts a network of fp32 to a dtype. */
export type DtypeConverter = (network: OnnxModel, dtype: ExportDtype) => Promise<OnnxModel>;

/** Converts the networks of one export: one that was converted before is not converted, and calibrated, again. */
export function dtypeConverter(context: DtypeContext): DtypeConverter {
  const converted = new Map<string, Promise<OnnxModel>>();
  return (network, dtype) => {
    const slots = [...network.inputs, ...network.outputs].map(({ name, shape }) => `${name} ${shape}`);
    const key = [dtype, ...slots].join('; ');
    const model = converted.get(key) ?? dtypes[dtype](network, context);
    converted.set(key, model);
    return model;
  };
}
