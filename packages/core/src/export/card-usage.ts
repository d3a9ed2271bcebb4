import type { Preprocessing } from '../models/index.ts';
import { type ExportDtypes, hubNetworks, type PreprocessingPlace } from './names.ts';

/** The forms in which a model is published, by what opens them. */
export type CardFormat = 'hf' | 'onnx' | 'timm' | 'triton' | 'safetensors' | 'run';

/** How a published model is used. */
export interface ModelCardUsage {
  readonly format: CardFormat;
  /** The first one is what its readers take where none is named. */
  readonly dtypes: ExportDtypes;
  readonly preprocessing: PreprocessingPlace;
  /** `owner/name` on the hub; null: a folder. */
  readonly repo: string | null;
  /** The name of the folder, where it is one or is pulled into one. */
  readonly folder: string;
  /** The hub's `library_name`: what opens it. */
  readonly library: string;
  readonly tags: readonly string[];
}

/** The libraries and tags by which the hub finds a format. */
const libraries: Readonly<Record<CardFormat, { readonly library: string; readonly tags: readonly string[] }>> = {
  hf: { library: 'transformers.js', tags: ['onnx'] },
  onnx: { library: 'onnxruntime', tags: ['onnx'] },
  timm: { library: 'timm', tags: ['timm', 'safetensors'] },
  triton: { library: 'onnxruntime', tags: ['onnx', 'triton'] },
  safetensors: { library: 'pytorch', tags: ['pytorch', 'safetensors'] },
  run: { library: 'graft', tags: ['safetensors'] },
};

/** The use of a model in this format, in a repository of the hub or a folder. */
export function usageOf(
  format: CardFormat,
  repo: string | null,
  {
    dtypes = ['fp32'],
    preprocessing = 'outside',
    folder = 'model',
  }: Partial<Pick<ModelCardUsage, 'dtypes' | 'preprocessing' | 'folder'>> = {},
): ModelCardUsage {
  // Any other name might end the text of the code that it stands in.
  const plain = /^\w[\w.-]*$/.test(folder) ? folder : 'model';
  return { format, dtypes, preprocessing, repo, folder: plain, ...libraries[format] };
}

/** The facts that code in a card depends on. */
interface Used {
  readonly kind: 'train' | 'meta';
  readonly preprocessing: Preprocessing;
}

/** How to use a model, as Markdown with code that runs. */
export function cardUsage(usage: ModelCardUsage, used: Used): string[] {
  const { format, repo, folder } = usage;
  const graft = inGraft(usage, used);
  if (format === 'hf') return [...inTransformersJs(usage), ...inPython(usage, used), ...graft];
  if (format === 'timm') {
    return [
      'With [timm](https://huggingface.co/docs/timm):',
      block('python', [
        'import timm',
        'import torch',
        'from PIL import Image',
        '',
        `model = timm.create_model("${repo === null ? `local-dir:${folder}` : `hf-hub:${repo}`}", pretrained=True).eval()`,
        'transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))',
        'image = transform(Image.open("photo.jpg").convert("RGB"))',
        'with torch.no_grad():',
        '    print(model(image[None]).softmax(-1))',
      ]),
    ];
  }
  return graft;
}

function inTransformersJs({ repo, folder, dtypes, preprocessing }: ModelCardUsage): string[] {
  const [dtype, ...others] = dtypes.map((each) => `'${hubNetworks[each].dtype}'`);
  const place = repo ?? `./${folder}`;
  return [
    `With [transformers.js](https://huggingface.co/docs/transformers.js), in Node${repo === null ? '' : ' or a browser'}:`,
    block('js', [
      "import { pipeline } from '@huggingface/transformers';",
      '',
      ...(others.length > 0 ? [`// Its dtype can also be ${others.join(' or ')}.`] : []),
      `const classify = await pipeline('image-classification', '${place}', { dtype: ${dtype} });`,
      "console.log(await classify('photo.jpg'));",
    ]),
    ...(preprocessing === 'inside'
      ? ['The model resizes and crops images itself: it takes one at a time, of any size.']
      : []),
  ];
}

/** Fetched by Graft, from where its commands take it. */
function inGraft({ format, dtypes: [dtype, ...others], repo, folder }: ModelCardUsage, { kind }: Used): string[] {
  if (format !== 'run' && format !== 'hf' && format !== 'onnx') return [];
  const which = dtype === 'fp32' ? '' : ` --dtype ${dtype}`;
  const pull = repo === null ? [] : [`graft pull ${repo} --out ${folder}${format === 'hf' ? which : ''}`];
  // A pulled folder has one network. In one with several, it has to be named.
  const place = repo === null && others.length > 0 ? `${folder}/${hubNetworks[dtype].file}` : folder;
  const call = kind === 'meta' ? `meta adapt ${folder} images/ --out runs/adapted` : `predict ${place} photo.jpg`;
  return ['With Graft:', block('bash', [...pull, `graft ${call}`])];
}

function inPython({ repo, folder, dtypes, preprocessing: resized }: ModelCardUsage, { preprocessing }: Used): string[] {
  const place = (file: string) => (repo === null ? `"${folder}/${file}"` : `hf_hub_download("${repo}", "${file}")`);
  const lines = [
    'import json',
    '',
    'import numpy as np',
    'import onnxruntime',
    ...(repo === null ? [] : ['from huggingface_hub import hf_hub_download']),
    'from PIL import Image',
    '',
    `session = onnxruntime.InferenceSession(${place(hubNetworks[dtypes[0]].file)})`,
    `classes = json.load(open(${place('config.json')}))["id2label"]`,
    '',
    'image = Image.open("photo.jpg").convert("RGB")',
    ...(resized === 'inside' ? rawPixels : preparedPixels(preprocessing)),
    'logits = session.run(["logits"], {"pixel_values": x})[0][0]',
    'probabilities = np.exp(logits - logits.max())',
    'probabilities /= probabilities.sum()',
    'print({classes[str(i)]: float(p) for i, p in enumerate(probabilities)})',
  ];
  return ['With ONNX Runtime in Python:', block('python', lines)];
}

/** The image as a model takes it that resizes it. */
const rawPixels = ['x = np.asarray(image, dtype=np.float32).transpose(2, 0, 1)[None]'];

function preparedPixels({ resize, crop, squash, interpolation, mean, std }: Preprocessing): string[] {
  const filter = interpolation.toUpperCase();
  return [
    squash
      ? `image = image.resize((${resize}, ${resize}), Image.${filter})`
      : `image = image.resize([${resize} * side // min(image.size) for side in image.size], Image.${filter})`,
    `left, top = [round((side - ${crop}) / 2) for side in image.size]`,
    `image = image.crop((left, top, left + ${crop}, top + ${crop}))`,
    `x = (np.asarray(image) / 255 - [${mean.join(', ')}]) / [${std.join(', ')}]`,
    'x = x.transpose(2, 0, 1)[None].astype(np.float32)',
  ];
}

function block(language: string, lines: readonly string[]): string {
  return `\`\`\`${language}\n${lines.join('\n')}\n\`\`\``;
}
