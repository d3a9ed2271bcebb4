import type { OnnxForm } from './forms.ts';
import { huggingFace } from './hugging-face.ts';
import type { ExportBatch, ExportDtype, ExportDtypes, ExportFormat, PreprocessingPlace } from './names.ts';
import type { ExportSource } from './network-model.ts';
import type { OnnxModel } from './onnx-model.ts';
import { pytorch } from './pytorch.ts';
import { timm } from './timm.ts';
import { triton } from './triton.ts';

/** Where a network's pretrained weights came from. */
export interface WeightsOrigin {
  /** The registry's name, `torchvision/resnet18.imagenet1k_v1`. */
  readonly name: string;
  /** As the registry has it; null where none is stated. */
  readonly licence: string | null;
  /** A link to the publisher or the training recipe. */
  readonly url: string;
}

/** A classifier that is to be written in a format. */
export interface ExportInput {
  readonly source: ExportSource;
  /** A name for the model: that of its run's folder, or of its architecture. */
  readonly name: string;
  /** The published weights that training began with; null where there were none, or nobody knows. */
  readonly origin: WeightsOrigin | null;
  /** One, unless the format has `hasSeveralDtypes`. */
  readonly dtypes: ExportDtypes;
  readonly preprocessing: PreprocessingPlace;
  readonly batchSize: ExportBatch;
  /** The network as an ONNX model of `batchSize`, with metadata. */
  onnx(form: OnnxForm, dtype: ExportDtype): Promise<NetworkFile>;
}

/** An ONNX model that is to be a file. */
export interface NetworkFile {
  readonly form: OnnxForm;
  readonly dtype: ExportDtype;
  readonly model: OnnxModel;
}

/** The files of an export by their paths in its folder, with slashes. ONNX models are checked before they are written. */
export type ExportFiles = ReadonlyMap<string, Uint8Array | NetworkFile>;

/** How a classifier is written in one format. */
export interface FormatRule {
  /** A few words for `--help`. */
  readonly description: string;
  /** The dtypes that its readers take. */
  readonly dtypes: readonly ExportDtype[];
  /** Whether it holds a network in several dtypes, among which its readers choose. */
  readonly hasSeveralDtypes: boolean;
  /** Whether it is a folder for the Hugging Face hub, with a model card. */
  readonly hasCard: boolean;
  readonly preprocessing: readonly PreprocessingPlace[];
  /** Whether it is a single file, so that `out` is a file and not a folder. */
  readonly isFile: boolean;
  /** @throws UserError where the classifier cannot be written so, with the reason */
  files(input: ExportInput): Promise<ExportFiles>;
  /** The lines of code or commands that open what was written at `path`. Absent: none are needed. */
  usage?(input: ExportInput, path: string): readonly string[];
  /** Where its readers do something else than the run, a sentence each. Absent: nowhere. */
  notes?(input: ExportInput): readonly string[];
}

/**
 * The rules of the formats. To add one: its name to `exportFormats` (`names.ts`), and its rule here, from a file of its
 * own; the command line, its help and `exportRun` follow from these. A dtype is added to `exportDtypes` and to the table
 * of `graft-ml/src/export/dtypes.ts`.
 */
export const formats: { readonly [F in ExportFormat]: FormatRule } = {
  onnx: {
    description: 'one ONNX file for any ONNX Runtime',
    dtypes: ['fp32', 'fp16', 'int8'],
    hasSeveralDtypes: false,
    hasCard: false,
    preprocessing: ['outside', 'inside'],
    isFile: true,
    async files({ dtypes: [dtype], preprocessing, onnx }) {
      return new Map([['model.onnx', await onnx(preprocessing === 'inside' ? 'image' : 'pixels', dtype)]]);
    },
  },
  hf: huggingFace,
  timm,
  triton,
  safetensors: pytorch,
};
