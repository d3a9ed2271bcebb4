import type { Preprocessing } from '../models/index.ts';
import type { ExportDtype } from './names.ts';

/** The forms in which a model is published, by what opens them. */
export type CardFormat = 'hf' | 'onnx' | 'timm' | 'triton' | 'safetensors' | 'run';

/** How a published model is used. */
export interface ModelCardUsage {
  readonly format: CardFormat;
  readonly dtype: ExportDtype;
  /** `owner/name` on the hub; null: a folder. */
  readonly repo: string | null;
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
export function usageOf(format: CardFormat, repo: string | null, dtype: ExportDtype = 'fp32'): ModelCardUsage {
  return { format, dtype, repo, ...libraries[format] };
}

/** The network's file in the format `hf`, and transformers.js's name of its numbers. */
const networks = {
  fp32: { file: 'onnx/model.onnx', dtype: 'fp32' },
  fp16: { file: 'onnx/model_fp16.onnx', dtype: 'fp16' },
  int8: { file: 'onnx/model_quantized.onnx', dtype: 'q8' },
} as const;

/** The facts that code in a card depends on. */
interface Used {
  readonly kind: 'train' | 'meta';
  readonly preprocessing: Preprocessing;
}

/** How to use a model, as Markdown with code that runs. */
export function cardUsage(usage: ModelCardUsage, used: Used): string[] {
  const { format, repo } = usage;
  const graft = inGraft(usage, used);
  if (format === 'hf') {
    return [
      'With [transformers.js](https://huggingface.co/docs/transformers.js), in Node or a browser:',
      block('js', [
        "import { pipeline } from '@huggingface/transformers';",
        '',
        `const classify = await pipeline('image-classification', '${repo ?? './model'}', { dtype: '${networks[usage.dtype].dtype}' });`,
        "console.log(await classify('photo.jpg'));",
      ]),
      'With ONNX Runtime in Python:',
      block('python', pythonPixelValues(usage, used)),
      ...graft,
    ];
  }
  if (format === 'timm') {
    return [
      'With [timm](https://huggingface.co/docs/timm):',
      block('python', [
        'import timm',
        'import torch',
        'from PIL import Image',
        '',
        `model = timm.create_model("${repo === null ? 'local-dir:model' : `hf-hub:${repo}`}", pretrained=True).eval()`,
        'transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))',
        'image = transform(Image.open("photo.jpg").convert("RGB"))',
        'with torch.no_grad():',
        '    print(model(image[None]).softmax(-1))',
      ]),
    ];
  }
  return graft;
}

/** Fetched by Graft, from where its commands take it. */
function inGraft({ format, dtype, repo }: ModelCardUsage, { kind }: Used): string[] {
  const pull = repo === null ? [] : [`graft pull ${repo} model`];
  if (kind === 'meta') {
    return ['With Graft:', block('bash', [...pull, 'graft meta adapt model images/ --out runs/adapted'])];
  }
  const file = { hf: networks[dtype].file, onnx: 'model.onnx' };
  if (format === 'run') return ['With Graft:', block('bash', [...pull, 'graft predict model photo.jpg'])];
  // A quantised network is for runtimes: Graft's own network has no such numbers.
  if ((format === 'hf' || format === 'onnx') && dtype === 'fp32') {
    return ['With Graft:', block('bash', [...pull, `graft predict photo.jpg --model model/${file[format]}`])];
  }
  return [];
}

function pythonPixelValues({ repo, dtype }: ModelCardUsage, { preprocessing }: Used): string[] {
  const { resize, crop, squash, interpolation, mean, std } = preprocessing;
  const filter = interpolation.toUpperCase();
  const place = (file: string) => (repo === null ? `"model/${file}"` : `hf_hub_download("${repo}", "${file}")`);
  return [
    'import json',
    '',
    'import numpy as np',
    'import onnxruntime',
    ...(repo === null ? [] : ['from huggingface_hub import hf_hub_download']),
    'from PIL import Image',
    '',
    `session = onnxruntime.InferenceSession(${place(networks[dtype].file)})`,
    `classes = json.load(open(${place('config.json')}))["id2label"]`,
    '',
    'image = Image.open("photo.jpg").convert("RGB")',
    squash
      ? `image = image.resize((${resize}, ${resize}), Image.${filter})`
      : `image = image.resize([${resize} * side // min(image.size) for side in image.size], Image.${filter})`,
    `left, top = [round((side - ${crop}) / 2) for side in image.size]`,
    `image = image.crop((left, top, left + ${crop}, top + ${crop}))`,
    `x = (np.asarray(image) / 255 - [${mean.join(', ')}]) / [${std.join(', ')}]`,
    'x = x.transpose(2, 0, 1)[None].astype(np.float32)',
    'logits = session.run(["logits"], {"pixel_values": x})[0][0]',
    'probabilities = np.exp(logits - logits.max())',
    'probabilities /= probabilities.sum()',
    'print({classes[str(i)]: float(p) for i, p in enumerate(probabilities)})',
  ];
}

function block(language: string, lines: readonly string[]): string {
  return `\`\`\`${language}\n${lines.join('\n')}\n\`\`\``;
}
