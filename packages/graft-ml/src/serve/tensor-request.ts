import { parseShallow } from '@graft-ml/core/internal/base/shallow-json';
import type { z } from 'zod';
import type { DecodeReply, TensorTask } from './messages.ts';
import { inferRequest } from './schemas.ts';

/** Levels of lists and objects: those of a request, and those of a tensor of four axes. */
const deepest = 8;

/** Extensions of Triton's that tensors and requests ask for by parameters, and what to do without them. */
const unsupported: Readonly<Record<string, string>> = {
  shared_memory_region: 'Tensors in shared memory are not supported: send them in the body.',
  classification:
    'The classification extension is not supported: POST /models/{name}/predict answers with the names of classes.',
  sequence_id: 'Sequences are not supported: every request stands alone.',
};

type InferInput = z.output<typeof inferRequest>['inputs'][number];
type Refusal = { readonly refusal: string };

/**
 * Reads a request of the Open Inference Protocol: JSON, after which the binary data of its tensor may come. Far from the
 * event loop, for its numbers may be text, half a megabyte an image.
 */
export function readTensorRequest(task: TensorTask): DecodeReply {
  const { bytes, jsonBytes } = task;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, jsonBytes).toString('utf8');
  const content = parseShallow(text, deepest);
  if (content === undefined) return { refusal: 'The body is not JSON, or nested too deep.' };
  const parsed = inferRequest.safeParse(content);
  if (!parsed.success) return { refusal: issueOf(parsed.error) };
  const { id, inputs, parameters = {} } = parsed.data;
  const input = inputs[0]!;
  const asked = (parsed.data.outputs ?? []).map((each) => ({ ...each, parameters: each.parameters ?? {} }));
  for (const each of [parameters, input.parameters ?? {}, ...asked.map((output) => output.parameters)]) {
    const key = Object.keys(each).find((name) => Object.hasOwn(unsupported, name));
    if (key !== undefined) return { refusal: unsupported[key]! };
  }
  const pixels = shapeRefusal(input, task) ?? pixelsOf(input, bytes.subarray(jsonBytes));
  if ('refusal' in pixels) return pixels;
  const isBinary = parameters.binary_data_output === true;
  const outputs =
    asked.length > 0
      ? asked.map((each) => ({ name: each.name, isBinary: flagOr(each.parameters.binary_data, isBinary) }))
      : (['logits', 'probabilities'] as const).map((name) => ({ name, isBinary }));
  return { request: { id, pixels, shape: input.shape, outputs } };
}

function flagOr(value: unknown, otherwise: boolean): boolean {
  return typeof value === 'boolean' ? value : otherwise;
}

function shapeRefusal({ name, shape }: InferInput, task: TensorTask): Refusal | undefined {
  const { input, crop, mostImages, mostPixels } = task;
  if (name !== input) return { refusal: `The model has no input ${name}: it takes ${input}.` };
  const [count, channels, height, width] = shape as [number, number, number, number];
  const isWhole = input === 'image';
  const isAsExpected = channels === 3 && (isWhole ? count === 1 : height === crop && width === crop);
  if (!isAsExpected) {
    const expected = isWhole ? '[1, 3, height, width]' : `[n, 3, ${crop}, ${crop}]`;
    return { refusal: `${name} has the shape [${shape.join(', ')}], expected ${expected}.` };
  }
  if (count > mostImages) return { refusal: `${name} has ${count} images, more than ${mostImages} in one request.` };
  if (height * width <= mostPixels) return undefined;
  return { refusal: `${name} has ${height * width} pixels, more than the ${mostPixels} that this server takes.` };
}

/** @param binary what follows the JSON in the body */
function pixelsOf({ name, shape, datatype, data, parameters }: InferInput, binary: Uint8Array): Uint8Array | Refusal {
  const length = shape.reduce((product, side) => product * side, 1);
  const size = parameters?.binary_data_size;
  if ((size ?? 0) !== binary.length) {
    return { refusal: `${name}: binary_data_size is ${size ?? 'absent'}, and ${binary.length} bytes follow the JSON.` };
  }
  if ((data === undefined) === (size === undefined)) {
    return { refusal: `${name} needs either data or, for binary data after the JSON, the parameter binary_data_size.` };
  }
  const bytes = datatype === 'FP32' ? 4 * length : length;
  if (data === undefined && binary.length !== bytes) {
    return {
      refusal: `${name} has ${binary.length} bytes, its shape [${shape.join(', ')}] needs ${bytes} (${datatype}).`,
    };
  }
  if (data === undefined && datatype === 'UINT8') return binary;
  // A copy, because floats begin at a multiple of 4.
  const values = data ?? new Float32Array(Uint8Array.from(binary).buffer);
  const pixels = new Uint8Array(length);
  const filled = fill(pixels, 0, values, datatype === 'UINT8');
  if (filled < 0) return { refusal: `${name} holds something else than numbers from 0 to 255 (${datatype}).` };
  if (filled === length) return pixels;
  return { refusal: `${name} has ${filled} numbers, its shape [${shape.join(', ')}] needs ${length}.` };
}

/** Writes numbers from a place on, and returns the place after them; -1 where there is something else. */
function fill(pixels: Uint8Array, start: number, data: Iterable<unknown>, isWhole: boolean): number {
  let at = start;
  for (const value of data) {
    if (Array.isArray(value)) {
      at = fill(pixels, at, value, isWhole);
      if (at < 0) return -1;
    } else if (typeof value === 'number' && value >= 0 && value <= 255 && (!isWhole || Number.isInteger(value))) {
      // Beyond the end nothing is written, and the count tells.
      pixels[at++] = Math.round(value);
    } else {
      return -1;
    }
  }
  return at;
}

/** The first thing that a schema objects to. */
export function issueOf({ issues }: z.ZodError): string {
  const [first] = issues;
  const path = first?.path.join('.') ?? '';
  return `${path === '' ? 'The request' : path}: ${first?.message ?? 'not what is expected'}.`;
}
