import { option } from '../base/code.ts';
import type { Preprocessing } from '../models/index.ts';
import type { FormatRule, NetworkFile } from './formats.ts';
import { type ExportDtype, hubNetworks, type PreprocessingPlace } from './names.ts';
import type { ExportSource } from './network-model.ts';
import { jsonFile } from './text-files.ts';

/** Pillow's numbers of filters. */
const resampling: { readonly [I in Preprocessing['interpolation']]: number } = { bilinear: 2, bicubic: 3 };

/**
 * A folder for transformers.js, `pipeline('image-classification', FOLDER)`, and for Python's optimum,
 * `ORTModelForImageClassification.from_pretrained(FOLDER)`: the network as `onnx/model.onnx`, or in other dtypes beside
 * it, from `pixel_values` to `logits` alone, with its configuration and that of its images.
 */
export const huggingFace: FormatRule = {
  description: 'transformers.js and optimum-onnx',
  dtypes: ['fp32', 'fp16', 'int8'],
  hasSeveralDtypes: true,
  hasCard: true,
  preprocessing: ['outside', 'inside'],
  isFile: false,
  async files({ source, dtypes, preprocessing, onnx }) {
    const networks = new Map<string, NetworkFile>();
    for (const dtype of dtypes) {
      const form = preprocessing === 'inside' ? 'rawPixelValues' : 'pixelValues';
      networks.set(hubNetworks[dtype].file, await onnx(form, dtype));
    }
    return new Map<string, Uint8Array | NetworkFile>([
      ['config.json', jsonFile(modelConfig(source, dtypes[0]))],
      ['preprocessor_config.json', jsonFile(preprocessorConfig(source.preprocessing, preprocessing))],
      ...networks,
    ]);
  },
  usage({ dtypes }, path) {
    const call = (more: string) => `await pipeline('image-classification', ${JSON.stringify(path)}${more});`;
    const [first, ...others] = dtypes.map((dtype) => `'${hubNetworks[dtype].dtype}'`);
    if (others.length === 0) return [`const classify = ${call('')}`];
    return [`const classify = ${call(`, { dtype: ${first} }`)} // or ${others.join(', ')}`];
  },
  notes: ({ source, preprocessing }) => notesOn(source.preprocessing, preprocessing),
};

/**
 * `config.json`. Its `model_type` only has to be one that readers know, since the graph is in the ONNX file. The dtype
 * is the one that is taken where none is named, and keeps browsers from asking for `model_quantized.onnx`, as they do by default.
 */
function modelConfig({ classes, preprocessing }: ExportSource, dtype: ExportDtype) {
  return {
    model_type: 'resnet',
    architectures: ['ResNetForImageClassification'],
    num_channels: 3,
    image_size: preprocessing.crop,
    id2label: Object.fromEntries(classes.entries()),
    label2id: Object.fromEntries(classes.map((name, i) => [name, i])),
    'transformers.js_config': { dtype: hubNetworks[dtype].dtype },
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
