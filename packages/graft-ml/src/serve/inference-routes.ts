import { version } from '@graft-ml/core/internal/base/version';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { TensorRequest } from './messages.ts';
import type { ModelPool, RowOutputs } from './model-pool.ts';
import type { RouteDocs } from './openapi.ts';
import { ServeError } from './problems.ts';
import { parsed } from './request-image.ts';
import { stateOf, unlessAborted } from './request-state.ts';
import { described, readyIn, type ServerParts } from './routes.ts';
import * as schemas from './schemas.ts';
import type { ModelVersion } from './served-models.ts';

/** The most images in one request. */
const mostImages = 32;

/** The length of the JSON in a body that has binary data after it. */
const jsonLength = 'inference-header-content-length';

/** The Open Inference Protocol, version 2, over HTTP, with its extension for binary tensors. */
export function inferenceRoutes(app: FastifyInstance, parts: ServerParts): void {
  const tag = 'Open Inference Protocol';
  const open = { tag, isOpen: true } as const;
  const probe = { isProbe: true, summary: 'Whether a model can be asked', answer: schemas.v2ModelReady } as const;
  const ready = (reply: FastifyReply, isReady: boolean, answer: object) => reply.code(isReady ? 200 : 503).send(answer);

  app.get('/v2', described({ tag, summary: 'Describes the server', answer: schemas.v2Server }), async () => ({
    name: 'graft',
    version,
    extensions: ['binary_tensor_data'],
  }));
  app.get(
    '/v2/health/live',
    described({ ...open, summary: 'Whether the server runs', answer: schemas.v2Live }),
    async () => ({ live: true }),
  );
  app.get(
    '/v2/health/ready',
    described({ ...open, isProbe: true, summary: 'Whether every model can be asked', answer: schemas.v2Ready }),
    async (_, reply) => ready(reply, readyIn(parts), { ready: readyIn(parts) }),
  );
  for (const [path, params] of [
    ['/v2/models/:name', schemas.modelParams],
    ['/v2/models/:name/versions/:version', schemas.versionParams],
  ] as const) {
    const at = { tag, params } as const;
    app.get(path, described({ ...at, summary: 'Describes a model', answer: schemas.v2Model }), async (request) =>
      describeModel(modelOf(parts, request)),
    );
    app.get(`${path}/ready`, described({ ...at, ...probe }), async (request, reply) => {
      const { name, pool } = modelOf(parts, request);
      return ready(reply, pool.ready > 0, { name, ready: pool.ready > 0 });
    });
    const body: RouteDocs['body'] = { 'application/json': schemas.inferRequest, 'application/octet-stream': null };
    const docs = { ...at, summary: 'Runs a model on tensors', body, answer: schemas.inferResponse } as const;
    app.post(`${path}/infer`, described({ ...docs, isPartlyBinary: true }), (request, reply) =>
      infer(parts, request, reply),
    );
  }
}

/** The current version of the model in the address. @throws ServeError where it is not the version there */
function modelOf({ models }: ServerParts, { params }: FastifyRequest): ModelVersion {
  const asked = parsed(schemas.versionParams.partial({ version: true }), params);
  const current = models.current(asked.name);
  if (asked.version === undefined || asked.version === current.version) return current;
  throw new ServeError(
    'no-version',
    `The model ${JSON.stringify(asked.name)} has version ${current.version}, not ${asked.version}.`,
  );
}

function describeModel({ name, version: own, pool }: ModelVersion): z.output<typeof schemas.v2Model> {
  const { framing, classes, input } = pool.description;
  const shape = input === 'image' ? [1, 3, -1, -1] : [-1, 3, framing.crop, framing.crop];
  const output = { datatype: 'FP32', shape: [input === 'image' ? 1 : -1, classes.length] };
  return {
    ...{ name, versions: [own], platform: 'onnxruntime_onnx' },
    inputs: [{ name: input, datatype: 'UINT8', shape }],
    outputs: [
      { name: 'logits', ...output },
      { name: 'probabilities', ...output },
    ],
  };
}

async function infer(parts: ServerParts, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { models, settings, admission, decoders } = parts;
  const state = stateOf(request.raw);
  const { name } = modelOf(parts, request);
  state.model = name;
  const { bytes, jsonBytes } = bodyOf(request);
  state.startClock(settings.limits.answerSeconds);
  const { signal } = state;
  const run = async ({ pool, version: own }: ModelVersion) => {
    const { framing, input, classes } = pool.description;
    const limits = { crop: framing.crop, mostImages, mostPixels: settings.limits.pixels };
    const asked = await decoders.tensor({ bytes, jsonBytes, input, ...limits }, signal);
    const rows = await rowsOf(parts, pool, asked, { client: request.ip, signal });
    const head = { model_name: name, model_version: own, ...(asked.id !== undefined && { id: asked.id }) };
    return { head, outputs: asked.outputs, rows, classes: classes.length };
  };
  const answer = await unlessAborted(
    signal,
    admission.within(request.ip, signal, () => models.use(name, run)),
  );
  return sendTensors(reply, answer);
}

/** @throws ServeError where a request has neither JSON nor JSON with binary data after it */
function bodyOf({ body, headers }: FastifyRequest): { readonly bytes: Buffer; readonly jsonBytes: number } {
  const length = headers[jsonLength];
  // Triton's client names no type when all of its tensors are JSON.
  const isJson = /^application\/json\b/i.test(headers['content-type'] ?? 'application/json');
  if (!Buffer.isBuffer(body) || (length === undefined && !isJson)) {
    throw new ServeError('media-type', 'Send JSON, with Content-Type: application/json.');
  }
  if (length === undefined) return { bytes: body, jsonBytes: body.length };
  const jsonBytes = typeof length === 'string' && /^\d+$/.test(length) ? Number(length) : Number.NaN;
  if (jsonBytes <= body.length) return { bytes: body, jsonBytes };
  throw new ServeError(
    'bad-request',
    `Inference-Header-Content-Length is ${length}, the body has ${body.length} bytes.`,
  );
}

/** The outputs for each image of a request. */
async function rowsOf(
  { shared, wholeImages }: ServerParts,
  pool: ModelPool,
  { pixels, shape }: TensorRequest,
  { client, signal }: { readonly client: string; readonly signal: AbortSignal },
): Promise<RowOutputs[]> {
  const [count, , height, width] = shape as [number, number, number, number];
  if (pool.description.input === 'image') {
    const run = () => pool.runImage({ width, height, data: pixels }, signal);
    return [await wholeImages.within(client, signal, run)];
  }
  const length = pixels.length / count;
  const slots = Array.from({ length: count }, () => shared.take(length));
  for (const [i, slot] of slots.entries()) shared.write(slot, pixels.subarray(i * length, (i + 1) * length));
  return Promise.all(slots.map((slot) => pool.run(slot, signal).finally(() => shared.give(slot))));
}

interface TensorAnswer {
  readonly head: Omit<z.output<typeof schemas.inferResponse>, 'outputs'>;
  readonly outputs: TensorRequest['outputs'];
  readonly rows: readonly RowOutputs[];
  readonly classes: number;
}

/** Sends tensors as JSON, and those that are to be binary after it, little-endian, in the order of the outputs. */
function sendTensors(reply: FastifyReply, { head, outputs, rows, classes }: TensorAnswer): FastifyReply {
  const binary: Buffer[] = [];
  const described = outputs.map(({ name, isBinary }) => {
    const values = Float32Array.from(rows.flatMap((row) => Array.from(row[name])));
    const output = { name, shape: [rows.length, classes], datatype: 'FP32' as const };
    if (!isBinary) return { ...output, data: Array.from(values) };
    binary.push(Buffer.from(values.buffer));
    return { ...output, parameters: { binary_data_size: values.byteLength } };
  });
  const answer: z.output<typeof schemas.inferResponse> = { ...head, outputs: described };
  if (binary.length === 0) return reply.send(answer);
  const json = Buffer.from(JSON.stringify(answer));
  reply.header(jsonLength, String(json.length)).type('application/octet-stream');
  return reply.send(Buffer.concat([json, ...binary]));
}
