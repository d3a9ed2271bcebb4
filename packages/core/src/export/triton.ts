import { option } from '../base/code.ts';
import type { FormatRule, NetworkFile } from './formats.ts';
import type { ExportSource } from './network-model.ts';
import type { OnnxModel, OnnxSlot, OnnxType } from './onnx-model.ts';
import { textFile } from './text-files.ts';

/**
 * A model repository of NVIDIA's Triton Inference Server with this model: `NAME/config.pbtxt`, `NAME/labels.txt` and
 * `NAME/1/model.onnx`.
 */
export const triton: FormatRule = {
  description: "a model repository for NVIDIA's Triton",
  dtypes: ['fp32', 'fp16', 'int8'],
  hasSeveralDtypes: false,
  hasCard: false,
  preprocessing: ['outside', 'inside'],
  isFile: false,
  async files({ source, name, dtypes: [dtype], preprocessing, onnx }) {
    const network = await onnx(preprocessing === 'inside' ? 'image' : 'pixels', dtype);
    const folder = folderName(name);
    return new Map<string, Uint8Array | NetworkFile>([
      [`${folder}/config.pbtxt`, textFile(tritonConfig(folder, network.model, source))],
      [`${folder}/labels.txt`, textFile(source.classes.map((label) => `${oneLine(label)}\n`).join(''))],
      [`${folder}/1/model.onnx`, network],
    ]);
  },
  usage: (_, path) => [`tritonserver --model-repository=${path}`],
  notes: ({ source: { classes }, batchSize, preprocessing }) => [
    ...(batchSize !== 'any' && preprocessing === 'outside'
      ? [
          `Triton makes no batches of requests, since the model has a batch size of ${batchSize}. With ` +
            `${option('batchSize', 'any')} it does.`,
        ]
      : []),
    ...(classes.some((label) => oneLine(label) !== label)
      ? ['Labels are the lines of labels.txt, in which line breaks of class names are spaces.']
      : []),
  ],
};

/** The name of a model, which is that of its folder, in letters that every file system and URL takes. */
const folderName = (name: string) => name.replace(/[^\w.-]+/g, '_').replace(/^\.+/, '_') || 'model';

/** A label file has a label in each line. */
const oneLine = (label: string) => label.replace(/[\r\n]+/g, ' ');

const types: { readonly [T in OnnxType]: string } = {
  f32: 'TYPE_FP32',
  f16: 'TYPE_FP16',
  f64: 'TYPE_FP64',
  u8: 'TYPE_UINT8',
  i8: 'TYPE_INT8',
  i32: 'TYPE_INT32',
  i64: 'TYPE_INT64',
  bool: 'TYPE_BOOL',
};

/** The largest batch that Triton makes of concurrent requests, where the model takes any. */
const largestBatch = 32;

/** `config.pbtxt`: a `ModelConfig` of Triton's model_config.proto in protobuf's text format. */
function tritonConfig(name: string, model: OnnxModel, { classes, preprocessing }: ExportSource): string {
  const isBatched = [...model.inputs, ...model.outputs].every(({ shape }) => typeof shape[0] === 'string');
  const dims = ({ shape }: OnnxSlot) =>
    (isBatched ? shape.slice(1) : shape).map((size) => (typeof size === 'string' ? -1 : size)).join(', ');
  const slot = (field: string, value: OnnxSlot, ...more: string[]) => [
    `${field} {`,
    `  name: ${textLiteral(value.name)}`,
    `  data_type: ${types[value.dtype]}`,
    `  dims: [${dims(value)}]`,
    ...more,
    '}',
  ];
  const parameter = (key: string, value: unknown) => [
    'parameters {',
    `  key: ${textLiteral(key)}`,
    `  value { string_value: ${textLiteral(JSON.stringify(value))} }`,
    '}',
  ];
  const lines = [
    `name: ${textLiteral(name)}`,
    'backend: "onnxruntime"',
    `max_batch_size: ${isBatched ? largestBatch : 0}`,
    ...(isBatched ? ['dynamic_batching {}'] : []),
    // One instance on each GPU, or where there is none one on the processor, which ONNX Runtime fills with its threads.
    'instance_group {',
    '  count: 1',
    '  kind: KIND_AUTO',
    '}',
    ...model.inputs.flatMap((input) => slot('input', input)),
    ...model.outputs.flatMap((output) => slot('output', output, '  label_filename: "labels.txt"')),
    ...parameter('classes', classes),
    ...parameter('preprocessing', preprocessing),
  ];
  return `${lines.join('\n')}\n`;
}

/** A string of protobuf's text format: quotes, backslashes and control characters are escaped, the rest is UTF-8. */
function textLiteral(text: string): string {
  const escaped = Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    if (character === '"' || character === '\\') return `\\${character}`;
    return code < 0x20 || code === 0x7f ? `\\${code.toString(8).padStart(3, '0')}` : character;
  });
  return `"${escaped.join('')}"`;
}
