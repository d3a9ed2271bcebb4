import { option } from '../base/code.ts';
import type { Preprocessing } from '../models/index.ts';
import type { FormatRule } from './formats.ts';
import type { ExportDtype, PreprocessingPlace } from './names.ts';
import type { ExportSource } from './network-model.ts';
import { jsonFile } from './text-files.ts';
import { writeOnnx } from './write-model.ts';

/** The files that transformers.js and optimum look for, and transformers.js's names of number formats. */
const modelFiles: { readonly [D in 'fp32' | 'fp16' | 'int8']: { readonly path: string; readonly dtype: string } } = {
  fp32: { path: 'onnx/model.onnx', dtype: 'fp32' },
  fp16: { path: 'onnx/model_fp16.onnx', dtype: 'fp16' },
  int8: { path: 'onnx/model_quantized.onnx', dtype: 'q8' },
};

/** Pillow's numbers of filters. */
const resampling: { readonly [I in Preprocessing['interpolation']]: number } = { bilinear: 2, bicubic: 3 };

/**
 * A folder for transformers.js, `pipeline('image-classification', FOLDER)`, and for Python's optimum,
 * `ORTModelForImageClassification.from_pretrained(FOLDER)`: the network as `onnx/model.onnx`, from `pixel_values` to
 * `logits` alone, with its configuration and that of its images.
 */
export const huggingFace: FormatRule = {
  description: 'transformers.js and optimum-onnx',
  dtypes: ['fp32', 'fp16', 'int8'],
  preprocessing: ['outside', 'inside'],
  isFile: false,
  async files({ source, dtype, preprocessing, onnx }) {
    const model = await onnx(preprocessing === 'inside' ? 'rawPixelValues' : 'pixelValues');
    return new Map([
      ['config.json', jsonFile(modelConfig(source, dtype))],
      ['preprocessor_config.json', jsonFile(preprocessorConfig(source.preprocessing, preprocessing))],
      [modelFiles[dtype].path, writeOnnx(model)],
    ]);
  },
  usage: (_, path) => [`const classify = await pipeline('image-classification', ${JSON.stringify(path)});`],
  notes: ({ source, preprocessing }) => notesOn(source.preprocessing, preprocessing),
};

/**
 * `config.json`. Its `model_type` only has to be one that readers know, since the graph is in the ONNX file. The dtype
 * keeps browsers from asking for `model_quantized.onnx`, as they do by default.
 */
function modelConfig({ classes, preprocessing }: ExportSource, dtype: ExportDtype) {
  return {
    model_type: 'resnet',
    architectures: ['ResNetForImageClassification'],
    num_channels: 3,
    image_size: preprocessing.crop,
    id2label: Object.fromEntries(classes.entries()),
    label2id: Object.fromEntries(classes.map((name, i) => [name, i])),
    'transformers.js_config': { dtype: modelFiles[dtype].dtype },
  };
}

/** `preprocessor_config.json`. What is done in the graph is switched off. */
function preprocessorConfig(
  { resize, squash = false, crop, interpolation, mean, std }: Preprocessing,
  place: PreprocessingPlace,
) {
  const isOutside = place === 'outside';
  return {
    image_processor_type: 'BitImageProcessor',
    do_convert_rgb: true,
    do_resize: isOutside,
    size: squash ? { height: resize, width: resize } : { shortest_edge: resize },
    resample: resampling[interpolation],
    do_center_crop: isOutside,
    crop_size: { height: crop, width: crop },
    do_rescale: isOutside,
    rescale_factor: 1 / 255,
    do_normalize: isOutside,
    image_mean: mean,
    image_std: std,
  };
}

/** Where these readers see other pixels than the run. */
function notesOn(
  { interpolation, colourProfile = 'apply', orientation = 'apply' }: Preprocessing,
  place: PreprocessingPlace,
): string[] {
  const resizing = [
    'transformers.js resizes without antialiasing, so that its probabilities are not quite those of the run. ' +
      `${option('preprocessing', 'inside')} brings them much closer.`,
    ...(interpolation === 'bicubic' ? ['In browsers it resizes as a canvas does, not bicubically.'] : []),
  ];
  return [
    ...(place === 'outside' ? resizing : []),
    ...(colourProfile === 'ignore' ? ['transformers.js applies colour profiles in images; the run does not.'] : []),
    ...(orientation === 'ignore'
      ? ['These readers turn images upright by their EXIF orientation; the run does not.']
      : []),
  ];
}
