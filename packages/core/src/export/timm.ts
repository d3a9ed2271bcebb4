import { option } from '../base/code.ts';
import { UserError } from '../base/errors.ts';
import type { Preprocessing } from '../models/index.ts';
import { renameTensors } from '../weights/name-rules.ts';
import { writeSafetensors } from '../weights/safetensors.ts';
import type { FormatRule } from './formats.ts';
import { lastLayerPath, variablesAtTemperature } from './last-layer.ts';
import type { ExportSource } from './network-model.ts';
import { jsonFile } from './text-files.ts';
import { toTimmRules } from './timm-names.ts';
import { type TimmTwin, timmTwin } from './timm-twins.ts';

/**
 * A folder for timm and for transformers' Auto classes: `config.json`, and `model.safetensors` with timm's names. A
 * temperature is divided into the last layer.
 */
export const timm: FormatRule = {
  description: "timm and transformers' Auto classes",
  dtypes: ['fp32'],
  hasSeveralDtypes: false,
  hasCard: true,
  preprocessing: ['outside'],
  isFile: false,
  files: async ({ source, origin }) => timmFiles(source, origin?.licence ?? undefined),
  usage: (_, path) => [`model = timm.create_model(${JSON.stringify(`local-dir:${path}`)}, pretrained=True)`],
};

/**
 * @param licence the licence of the weights, an SPDX identifier
 * @throws UserError where timm has no network that computes the same
 */
export function timmFiles(source: ExportSource, licence?: string): ReadonlyMap<string, Uint8Array> {
  const twin = twinOf(source);
  const tensors = renameTensors(toTimmRules(source.model.name), variablesAtTemperature(source));
  return new Map([
    ['config.json', jsonFile(timmConfig(source, twin, licence))],
    ['model.safetensors', writeSafetensors(tensors, { format: 'pt' })],
  ]);
}

/** `config.json`, as timm's `save_config_for_hf` writes it. */
function timmConfig(source: ExportSource, twin: TimmTwin, licence: string | undefined) {
  const { classes, preprocessing, variables } = source;
  const { crop, interpolation, mean, std, squash = false } = preprocessing;
  const { architecture, globalPool, firstConv, classifier, isFixedSize = false } = twin;
  const modelArguments = { ...twin.arguments, ...(isFixedSize && { img_size: crop }) };
  return {
    architecture,
    num_classes: classes.length,
    num_features: variables[`${lastLayerPath(source)}.weight`]!.shape[1]!,
    global_pool: globalPool,
    label_names: classes,
    ...(Object.keys(modelArguments).length > 0 && { model_args: modelArguments }),
    pretrained_cfg: {
      tag: 'graft',
      custom_load: false,
      input_size: [3, crop, crop],
      fixed_input_size: isFixedSize,
      interpolation,
      crop_pct: cropFraction(preprocessing),
      crop_mode: squash ? 'squash' : 'center',
      mean,
      std,
      num_classes: classes.length,
      pool_size: null,
      first_conv: firstConv,
      classifier,
      ...(licence !== undefined && { license: licence }),
    },
  };
}

/** timm resizes to ⌊crop / crop_pct⌋: a fraction from which that gives `resize`, whatever rounding does. */
function cropFraction({ crop, resize }: Preprocessing): number {
  const fraction = crop / resize;
  return Math.floor(crop / fraction) === resize ? fraction : crop / (resize + 0.5);
}

/** timm's network that computes what this one does. @throws UserError where there is none */
function twinOf(source: ExportSource): TimmTwin {
  const { name, headLayers } = source.model;
  const twin = timmTwin(name);
  const problem = twin === undefined ? `timm has no ${name}` : differenceFrom(twin, source);
  if (twin !== undefined && problem === undefined) return twin;
  const other = twin === undefined || headLayers !== undefined ? 'PyTorch' : 'torchvision';
  throw new UserError(
    `${problem}, so that it would not open this network. Use ${option('format', 'hf')} for transformers.js and ` +
      `optimum-onnx, or ${option('format', 'safetensors')} for ${other}.`,
  );
}

/** Why timm's network of that name would not compute the same; undefined where it would. */
function differenceFrom({ architecture }: TimmTwin, source: ExportSource): string | undefined {
  const { model, variables, preprocessing } = source;
  const { crop } = preprocessing;
  if (model.headLayers !== undefined) return `timm's ${architecture} has a head of one layer, this run's has more`;
  if (/^vgg/.test(model.name) && crop >= 256) {
    return `timm's ${architecture} pools after the layers of its head, torchvision's before: at ${crop} px they differ`;
  }
  if (/^vit/.test(model.name)) {
    const tokens = variables['encoder.pos_embedding']!.shape[1]! - 1;
    const patches = (crop / variables['conv_proj.weight']!.shape[2]!) ** 2;
    if (tokens !== patches) {
      return (
        `The position embedding of this ${model.name} is for ${tokens} patches, and at ${crop} px it has ${patches}: ` +
        'timm resizes it in another way than Graft'
      );
    }
  }
  if (/^swin/.test(model.name) && crop < 224) return `timm's ${architecture} has smaller windows at ${crop} px`;
  return undefined;
}
