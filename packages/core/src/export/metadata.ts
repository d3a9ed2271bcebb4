import { version } from '../base/version.ts';
import type { Seen } from '../image/seen.ts';
import { describeCheckpoint } from '../weights/checkpoint.ts';
import type { WeightsOrigin } from './formats.ts';
import type { OnnxForm } from './forms.ts';
import type { ExportDtype } from './names.ts';
import type { ExportSource } from './network-model.ts';

/** What an exported model is, beside its source. */
export interface ModelFacts {
  readonly form: OnnxForm;
  readonly dtype: ExportDtype;
  readonly origin: WeightsOrigin | null;
  /** The images that it was trained on, if the file is to say so; null: it does not. */
  readonly seen: Seen | null;
}

/**
 * The metadata of an exported ONNX model, texts by key:
 *
 * - `format`: `graft`; `version`: of Graft; `model`: the architecture; `head`: the layers of a deeper head, as JSON
 * - `classes`: the class names in the order of the outputs, a JSON array
 * - `preprocessing`: resize, crop, interpolation, mean, std and how files are read, a JSON object (`Preprocessing`)
 * - `temperature`: the temperature that `logits` are divided by already; absent: 1
 * - `input`: the form of the input; absent in files of version 0.1: `pixels`
 * - `dtype`: the number format of the network; absent: `fp32`
 * - `weights`, `licence`: the published weights that training began with, and their licence (SPDX)
 * - `seen`: digests of the images that it was trained on, where that was asked for
 */
export function exportMetadata(source: ExportSource, facts: ModelFacts): Readonly<Record<string, string>> {
  const { model, classes, preprocessing, temperature } = source;
  const { form, dtype, origin, seen } = facts;
  return {
    version,
    ...describeCheckpoint(model, classes, preprocessing, seen),
    ...(temperature !== 1 && { temperature: String(temperature) }),
    input: form,
    dtype,
    ...(origin && { weights: origin.name }),
    ...(origin?.licence && { licence: origin.licence }),
  };
}
