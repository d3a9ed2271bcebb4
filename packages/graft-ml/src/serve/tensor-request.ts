import { parseShallow } from '@graft-ml/core/internal/base/shallow-json';
import type { z } from 'zod';
import type { DecodeReply, TensorTask } from './messages.ts';
import { inferRequest } from './schemas.ts';

/** Levels of lists and objects: those of a request, and those of a tensor of four axes. */
const deepest = 8;

/**
 * Reads a request of the Open Inference Protocol. Far from the event loop: its numbers are text, half a megabyte an
 * image.
 */
export function readTensorRequest({ bytes, crop, mostImages }: TensorTask): DecodeReply {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  const content = parseShallow(text, deepest);
  if (content === undefined) return { refusal: 'The body is not JSON, or nested too deep.' };
  const parsed = inferRequest.safeParse(content);
  if (!parsed.success) return { refusal: issueOf(parsed.error) };
  const { id, inputs, outputs, parameters } = parsed.data;
  const [{ shape, datatype, data, parameters: own }] = inputs as [(typeof inputs)[number]];
  const isBinary = [parameters, own, ...(outputs ?? []).map((each) => each.parameters)].some((each) =>
    Object.keys(each ?? {}).some((key) => key.startsWith('binary_data')),
  );
  if (isBinary) return { refusal: 'The extension for binary tensors is not supported: send the data as JSON.' };
  const [count] = shape as [number, number, number, number];
  const expected = [count, 3, crop, crop];
  if (shape.some((side, i) => side !== expected[i])) {
    return { refusal: `pixels has the shape [${shape}], expected [n, 3, ${crop}, ${crop}].` };
  }
  if (count > mostImages) return { refusal: `pixels has ${count} images, more than ${mostImages} in one request.` };
  const pixels = new Uint8Array(count * 3 * crop * crop);
  const filled = fill(pixels, 0, data, datatype === 'UINT8');
  if (filled < 0) return { refusal: `pixels holds something else than numbers from 0 to 255 (${datatype}).` };
  if (filled !== pixels.length) {
    return { refusal: `pixels has ${filled} numbers, its shape [${shape}] needs ${pixels.length}.` };
  }
  const wanted = outputs?.map((output) => output.name) ?? (['logits', 'probabilities'] as const);
  return { request: { id, pixels, count, outputs: [...wanted] } };
}

/** Writes numbers from a place on, and returns the place after them; -1 where there is something else. */
function fill(pixels: Uint8Array, start: number, data: readonly unknown[], isWhole: boolean): number {
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
