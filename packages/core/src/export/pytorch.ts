import { head as headCodec } from '../models/head-text.ts';
import { isOnnx, listArchitectures } from '../models/index.ts';
import type { HeadLayer, HeadLayerName } from '../models/model.ts';
import { writeSafetensors } from '../weights/safetensors.ts';
import type { FormatRule } from './formats.ts';
import { variablesAtTemperature } from './last-layer.ts';
import type { ExportSource } from './network-model.ts';

/**
 * The network's parameters and buffers as `model.safetensors` for PyTorch, under torchvision's names, so that
 * `load_state_dict` of torchvision's network takes them. A temperature is divided into the last layer. Class names and
 * preprocessing are in the metadata, as JSON.
 */
export const pytorch: FormatRule = {
  description: "weights for PyTorch, by torchvision's names",
  dtypes: ['fp32'],
  hasSeveralDtypes: false,
  hasCard: false,
  preprocessing: ['outside'],
  isFile: true,
  files: async ({ source }) => pytorchFiles(source),
  usage: ({ source }, path) => pytorchUsage(source, path),
  notes({ source: { model } }) {
    if (isOfTorchvision(model.name)) return [];
    const names = isOnnx(model.name) ? 'the names of the file' : "Graft's names";
    return [`torchvision has no ${model.name}: the parameters have ${names}.`];
  },
};

export function pytorchFiles(source: ExportSource): ReadonlyMap<string, Uint8Array> {
  const { model, classes, preprocessing } = source;
  const metadata = {
    format: 'pt',
    model: model.name,
    ...(model.headLayers !== undefined && { head: headCodec.format(model.headLayers) }),
    classes: JSON.stringify(classes),
    preprocessing: JSON.stringify(preprocessing),
  };
  return new Map([['model.safetensors', writeSafetensors(variablesAtTemperature(source), metadata)]]);
}

/** The lines of Python that open the file. */
export function pytorchUsage(source: ExportSource, file: string): string[] {
  const tensors = `safetensors.torch.load_file(${JSON.stringify(file)})`;
  const network = torchvisionNetwork(source);
  return network === undefined ? [`tensors = ${tensors}`] : [...network, `model.load_state_dict(${tensors})`];
}

/** torchvision's name for an architecture and the options with which it makes it, where they are not the zoo's. */
interface Constructor {
  readonly name?: string;
  readonly options?: string;
  /** Whether the epsilon of its batch norms is PyTorch's own, as in timm. */
  readonly hasUsualNorm?: true;
}

/** Every architecture of the zoo that torchvision has by another name, or with options. */
const constructors: ReadonlyMap<string, Constructor> = new Map([
  ['inception_v3', { options: 'init_weights=False' }],
  ['inception_v3_no_aux', { name: 'inception_v3', options: 'aux_logits=False, init_weights=False' }],
  ['mobilenet_v3_small_timm', { name: 'mobilenet_v3_small', hasUsualNorm: true }],
  ['mobilenet_v3_large_timm', { name: 'mobilenet_v3_large', hasUsualNorm: true }],
  ['efficientnet_b5_timm', { name: 'efficientnet_b5', hasUsualNorm: true }],
]);

const usualNorm = ['for norm in model.modules():', '    if isinstance(norm, torch.nn.BatchNorm2d): norm.eps = 1e-5'];

/** The families of the zoo that are Graft's own. */
const ownFamilies = /^(conv4|residual_conv4|futurama|resnet12)/;
const isOfTorchvision = (name: string) => listArchitectures().includes(name) && !ownFamilies.test(name);

/** The lines of Python that make torchvision's network, as `model`; undefined where torchvision has none. */
function torchvisionNetwork(source: ExportSource): string[] | undefined {
  const { model, variables, classes } = source;
  if (!isOfTorchvision(model.name)) return undefined;
  const { name = withoutSize(model.name), options, hasUsualNorm } = constructors.get(model.name) ?? {};
  const size = positionSize(source);
  const given = [
    `num_classes=${classes.length}`,
    ...(options ? [options] : []),
    ...(size ? [`image_size=${size}`] : []),
  ];
  const lines = [`model = torchvision.models.${name}(${given.join(', ')})`, ...(hasUsualNorm ? usualNorm : [])];
  if (model.headLayers === undefined) return lines;
  // A head of several layers works on features that are averaged before it; SqueezeNet averages after its own.
  if (model.headPath === 'classifier' && /^squeezenet/.test(model.name)) {
    lines.push('model.features.extend([torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()])');
  }
  const layers = headModules(model.headLayers, variables, model.headPath, classes.length);
  return [...lines, `${attributeOf(model.headPath)} = torch.nn.Sequential(${layers.join(', ')})`];
}

/** `vit_b_16_384` → `vit_b_16` */
const withoutSize = (name: string) => name.replace(/^(vit_._\d+)_\d+$/, '$1');

/** The side of the images that a Vision Transformer's position embedding is for, where that is not torchvision's default. */
function positionSize({ variables }: ExportSource): number | undefined {
  const embedding = variables['encoder.pos_embedding'];
  const patches = variables['conv_proj.weight'];
  if (!embedding || !patches) return undefined;
  const size = Math.sqrt(embedding.shape[1]! - 1) * patches.shape[2]!;
  return size === 224 ? undefined : size;
}

/** `classifier.6` → `model.classifier[6]` */
const attributeOf = (path: string) =>
  path.split('.').reduce((object, part) => (/^\d+$/.test(part) ? `${object}[${part}]` : `${object}.${part}`), 'model');

const activations: { readonly [L in Exclude<HeadLayerName, 'batchnorm'>]: string } = {
  relu: 'ReLU',
  gelu: 'GELU',
  silu: 'SiLU',
  hardswish: 'Hardswish',
  tanh: 'Tanh',
};

/** The modules of a head of several layers. */
function headModules(
  layers: readonly HeadLayer[],
  variables: ExportSource['variables'],
  path: string,
  classes: number,
): string[] {
  const linear = (index: number, outputs: number) =>
    `torch.nn.Linear(${variables[`${path}.${index}.weight`]!.shape[1]}, ${outputs})`;
  const modules = layers.map((layer, i) => {
    if (typeof layer === 'number') return linear(i, layer);
    if (typeof layer === 'object') return `torch.nn.Dropout(${layer.dropout})`;
    if (layer === 'batchnorm') return `torch.nn.BatchNorm1d(${variables[`${path}.${i}.weight`]!.shape[0]})`;
    return `torch.nn.${activations[layer]}()`;
  });
  return [...modules, linear(layers.length, classes)];
}
