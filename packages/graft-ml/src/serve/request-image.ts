import { parseShallow } from '@graft-ml/core/internal/base/shallow-json';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { fetchImage } from './fetch-image.ts';
import { ServeError } from './problems.ts';
import { stateOf } from './request-state.ts';
import { predictFields, predictJson, predictQuery } from './schemas.ts';
import type { ServeSettings } from './serve-settings.ts';
import { issueOf } from './tensor-request.ts';

export type PredictQuery = z.output<typeof predictQuery>;

/** An image to classify, and how. */
export interface ImageRequest {
  readonly bytes: Uint8Array;
  readonly asked: PredictQuery;
}

/** A value as a schema has it. @throws ServeError that says what is wrong */
export function parsed<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new ServeError('bad-request', issueOf(result.error));
}

/** The whole of a body. @throws ServeError (by rejection) where it is larger than is taken */
export async function collectBody(
  request: FastifyRequest,
  payload: AsyncIterable<unknown>,
  most: number,
): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > most) throw new ServeError('too-many-bytes');
  return collect(payload, most, stateOf(request.raw).hold);
}

async function collect(chunks: AsyncIterable<unknown>, most: number, hold: (bytes: number) => void): Promise<Buffer> {
  const kept: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    if (!Buffer.isBuffer(chunk)) throw new Error('a body comes in bytes');
    size += chunk.length;
    if (size > most) throw new ServeError('too-many-bytes');
    hold(chunk.length);
    kept.push(chunk);
  }
  return Buffer.concat(kept, size);
}

/** The image of a request in any of its forms, and what is asked of it. @throws ServeError (by rejection) */
export async function readImageRequest(request: FastifyRequest, settings: ServeSettings): Promise<ImageRequest> {
  const read = await readBody(request, settings);
  const { class: name, explain } = read.asked;
  if (name === undefined || explain !== undefined) return read;
  throw new ServeError('bad-request', 'class: names the class to explain, and needs explain=grad-cam.');
}

async function readBody(request: FastifyRequest, settings: ServeSettings): Promise<ImageRequest> {
  const query = parsed(predictQuery, request.query);
  if (request.isMultipart()) return readForm(request, query);
  const { body } = request;
  if (!Buffer.isBuffer(body) || body.length === 0) throw new ServeError('no-image');
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) return { bytes: body, asked: query };
  const { image, url, ...own } = parsed(predictJson, jsonIn(body));
  const asked = { ...query, ...own };
  if ((image === undefined) === (url === undefined)) {
    throw new ServeError('no-image', 'The body has neither or both of `image` and `url`.');
  }
  if (image !== undefined) return { bytes: bytesOfBase64(image), asked };
  const { signal, hold } = stateOf(request.raw);
  const { allowUrl: hosts, limits } = settings;
  const bytes = await fetchImage(url!, { hosts, mostBytes: limits.bodyBytes, signal, onBytes: hold });
  return { bytes, asked };
}

function jsonIn(body: Buffer): unknown {
  const content = parseShallow(body.toString('utf8'), 2);
  if (content === undefined) throw new ServeError('bad-request', 'The body is not JSON, or nested too deep.');
  return content;
}

/** @throws ServeError where something else than base64 is in it */
function bytesOfBase64(text: string): Buffer {
  const digits = text.replace(/={1,2}$/, '');
  const bytes = Buffer.from(digits, 'base64');
  // Node passes over what is none, which makes fewer bytes.
  if (bytes.length === Math.floor((digits.length * 3) / 4) && digits.length % 4 !== 1) return bytes;
  throw new ServeError(
    'bad-request',
    'image: not base64. It is the content of a file alone, without data:image/…;base64, before it.',
  );
}

/** Without the @, curl sends the name of the file as a text. */
const curlHint = ' Its image is a text: with curl, -F image=@photo.jpg sends the file.';

/** A form has one file, under any name, and perhaps the fields of the query. */
async function readForm(request: FastifyRequest, query: PredictQuery): Promise<ImageRequest> {
  const { hold } = stateOf(request.raw);
  const fields: Record<string, unknown> = {};
  let bytes: Buffer | undefined;
  try {
    for await (const part of request.parts()) {
      if (part.type === 'field') {
        fields[part.fieldname] = part.value;
        continue;
      }
      bytes = await collect(part.file, Number.POSITIVE_INFINITY, hold);
      if (part.file.truncated) throw new ServeError('too-many-bytes');
    }
  } catch (error) {
    // What busboy says of a broken form has no code.
    if (error instanceof ServeError || (error instanceof Error && 'code' in error)) throw error;
    throw new ServeError('bad-request', 'The form is broken.');
  }
  if (bytes === undefined)
    throw new ServeError('no-image', `The form has no file.${'image' in fields ? curlHint : ''}`);
  if (bytes.length === 0) throw new ServeError('no-image', 'The file in the form is empty.');
  const given = parsed(predictFields, fields);
  const own = Object.fromEntries(Object.keys(fields).map((key) => [key, given[key as keyof typeof given]]));
  return { bytes, asked: parsed(predictQuery, { ...query, ...own }) };
}
