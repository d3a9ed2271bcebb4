import { UserError } from '@graft-ml/core/internal/base/errors';
import { ranked } from '@graft-ml/core/internal/base/largest';
import { version } from '@graft-ml/core/internal/base/version';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Access } from './access.ts';
import type { Admission } from './admission.ts';
import type { Decoders } from './decoders.ts';
import type { ImageExplanation } from './messages.ts';
import type { Metrics } from './metrics.ts';
import type { RouteDocs } from './openapi.ts';
import { ServeError } from './problems.ts';
import { type ImageRequest, parsed, readImageRequest } from './request-image.ts';
import { stateOf, unlessAborted } from './request-state.ts';
import * as schemas from './schemas.ts';
import type { ServeSettings } from './serve-settings.ts';
import type { ModelVersion, ServedModels } from './served-models.ts';
import type { SharedPixels } from './shared-pixels.ts';

/** What the routes stand on. */
export interface ServerParts {
  readonly settings: ServeSettings;
  readonly models: ServedModels;
  readonly decoders: Decoders;
  readonly shared: SharedPixels;
  readonly admission: Admission;
  readonly metrics: Metrics;
  readonly access: Access;
  /** Whether the server is about to stop. */
  isStopping(): boolean;
}

/** The most images in one request of the Open Inference Protocol. */
const mostImages = 32;

const imageBodies: RouteDocs['body'] = {
  'application/json': schemas.predictJson,
  'multipart/form-data': null,
  'image/*': null,
  'application/octet-stream': null,
};

/** Predictions: `/predict` of the first model, and that of every model. */
export function predictRoutes(app: FastifyInstance, parts: ServerParts): void {
  const docs: Omit<RouteDocs, 'summary'> = {
    tag: 'predict',
    body: imageBodies,
    query: schemas.predictQuery,
    answer: schemas.prediction,
  };
  const [first] = parts.models.names as [string];
  app.post('/predict', described({ ...docs, summary: 'Classifies an image with the first model' }), (request) =>
    predict(parts, request, first),
  );
  app.post(
    '/models/:name/predict',
    described({ ...docs, summary: 'Classifies an image', params: schemas.modelParams }),
    (request) => predict(parts, request, nameIn(request)),
  );
}

function described(docs: RouteDocs) {
  return { config: { docs } };
}

function nameIn(request: FastifyRequest): string {
  return parsed(schemas.modelParams, request.params).name;
}

async function predict(
  parts: ServerParts,
  request: FastifyRequest,
  name: string,
): Promise<z.output<typeof schemas.prediction>> {
  const { models, settings, admission } = parts;
  const state = stateOf(request.raw);
  state.model = name;
  models.current(name); // before anything is read
  const image = await readImageRequest(request, settings);
  state.startClock(settings.limits.answerSeconds);
  const { signal } = state;
  const work = admission.within(request.ip, signal, () =>
    models.use(name, (model) => classify(parts, model, image, signal)),
  );
  return unlessAborted(signal, work);
}

async function classify(
  parts: ServerParts,
  { name, pool }: ModelVersion,
  { bytes, asked }: ImageRequest,
  signal: AbortSignal,
): Promise<z.output<typeof schemas.prediction>> {
  const { decoders, settings, metrics, shared } = parts;
  const { classes, framing, explains } = pool.description;
  const target = asked.class === undefined ? null : classes.indexOf(asked.class);
  if (target !== null && target < 0) throw new ServeError('no-class');
  if (asked.explain && !explains) throw new ServeError('no-explanation');
  const slot = shared.take(3 * framing.crop ** 2);
  try {
    const start = performance.now();
    await decoders.view({ bytes, framing, mostPixels: settings.limits.pixels }, slot, signal);
    metrics.stage('decode', performance.now() - start);
    const [{ probabilities }, explanation] = await bothDone(
      pool.run(slot, signal),
      asked.explain ? pool.explain(slot, target, signal) : Promise.resolve(null),
    );
    const top = ranked(probabilities, Math.min(asked.top, classes.length));
    return {
      model: name,
      classes: top.map((i) => ({ name: classes[i]!, probability: probabilities[i]! })),
      ...(explanation && { explanation: describeExplanation(explanation, classes) }),
    };
  } finally {
    shared.give(slot);
  }
}

/** Both results; where one fails, not before the other has ended, too. */
async function bothDone<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([one, other]);
  return Promise.all([one, other]);
}

function describeExplanation(
  { target, endpoint, map, height, width, overlay }: ImageExplanation,
  classes: readonly string[],
) {
  return {
    method: 'grad-cam' as const,
    class: classes[target]!,
    endpoint,
    map: { height, width, values: Array.from(map, (value) => Math.round(1e4 * value) / 1e4) },
    overlay: Buffer.from(overlay).toString('base64'),
  };
}

/** The models, and their reloading. */
export function modelRoutes(app: FastifyInstance, { models, settings, access }: ServerParts): void {
  const describe = ({ name, version: own, loadedAt, pool }: ModelVersion): z.output<typeof schemas.servedModel> => {
    const { classes, framing, explains } = pool.description;
    return {
      ...{ name, version: own, classes: [...classes], input: { width: framing.crop, height: framing.crop } },
      ...{ explains, workers: { ready: pool.ready, wanted: settings.workers }, loadedAt },
    };
  };
  const tag = 'models';
  app.get('/models', described({ tag, summary: 'Lists the models', answer: schemas.modelList }), async () => ({
    models: models.names.map((name) => describe(models.current(name))),
  }));
  const one = { tag, params: schemas.modelParams, answer: schemas.servedModel } as const;
  app.get('/models/:name', described({ ...one, summary: 'Describes a model' }), async (request) =>
    describe(models.current(nameIn(request))),
  );
  app.post(
    '/models/:name/reload',
    described({ ...one, summary: 'Opens the model anew, from where it is' }),
    async (request) => {
      if (!access.hasToken) throw new ServeError('no-token');
      const name = nameIn(request);
      models.current(name);
      try {
        return describe(await models.reload(name));
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        throw new ServeError('bad-model', `The model stays as it was. ${error.message}`);
      }
    },
  );
}

/** Health, metrics and the OpenAPI document. */
export function operationRoutes(app: FastifyInstance, parts: ServerParts): void {
  const { models, metrics } = parts;
  const tag = 'operations';
  const open = { tag, answer: schemas.health, isOpen: true } as const;
  app.get('/health/live', described({ ...open, summary: 'Whether the server runs' }), async () => ({
    status: 'live',
  }));
  app.get('/health/ready', described({ ...open, summary: 'Whether every model can be asked' }), async (_, reply) => {
    const isReady = readyIn(parts);
    return reply.code(isReady ? 200 : 503).send({ status: isReady ? 'ready' : 'not ready', models: models.names });
  });
  app.get('/metrics', described({ tag, summary: 'Metrics for Prometheus', answer: 'text/plain' }), async (_, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  );
  app.get('/openapi.json', {}, async () => app.swagger());
}

function readyIn({ models, isStopping }: ServerParts): boolean {
  return !isStopping() && models.names.every((name) => models.current(name).pool.ready > 0);
}

/** The Open Inference Protocol, version 2. */
export function inferenceRoutes(app: FastifyInstance, parts: ServerParts): void {
  const { models } = parts;
  const tag = 'Open Inference Protocol';
  const at = { tag, params: schemas.modelParams } as const;
  const ready = (reply: FastifyReply, isReady: boolean, answer: object) => reply.code(isReady ? 200 : 503).send(answer);

  app.get('/v2', described({ tag, summary: 'Describes the server', answer: schemas.v2Server }), async () => ({
    ...{ name: 'graft', version, extensions: [] },
  }));
  app.get(
    '/v2/health/live',
    described({ tag, summary: 'Whether the server runs', answer: schemas.v2Live, isOpen: true }),
    async () => ({ live: true }),
  );
  app.get(
    '/v2/health/ready',
    described({ tag, summary: 'Whether every model can be asked', answer: schemas.v2Ready, isOpen: true }),
    async (_, reply) => ready(reply, readyIn(parts), { ready: readyIn(parts) }),
  );
  app.get(
    '/v2/models/:name',
    described({ ...at, summary: 'Describes a model', answer: schemas.v2Model }),
    async (request) => describeModel(models.current(nameIn(request))),
  );
  app.get(
    '/v2/models/:name/ready',
    described({ ...at, summary: 'Whether a model can be asked', answer: schemas.v2ModelReady }),
    async (request, reply) => {
      const name = nameIn(request);
      const isReady = models.current(name).pool.ready > 0;
      return ready(reply, isReady, { name, ready: isReady });
    },
  );
  const body = { 'application/json': schemas.inferRequest };
  app.post(
    '/v2/models/:name/infer',
    described({ ...at, summary: 'Runs a model on tensors', body, answer: schemas.inferResponse }),
    (request) => infer(parts, request),
  );
}

function describeModel({ name, version: own, pool }: ModelVersion): z.output<typeof schemas.v2Model> {
  const { framing, classes } = pool.description;
  const output = { datatype: 'FP32', shape: [-1, classes.length] };
  return {
    ...{ name, versions: [own], platform: 'onnxruntime_onnx' },
    inputs: [{ name: 'pixels', datatype: 'UINT8', shape: [-1, 3, framing.crop, framing.crop] }],
    outputs: [
      { name: 'logits', ...output },
      { name: 'probabilities', ...output },
    ],
  };
}

async function infer(parts: ServerParts, request: FastifyRequest): Promise<z.output<typeof schemas.inferResponse>> {
  const { models, settings, admission, decoders, shared } = parts;
  const state = stateOf(request.raw);
  const name = nameIn(request);
  state.model = name;
  models.current(name);
  if (request.headers['inference-header-content-length'] !== undefined) {
    throw new ServeError('bad-request', 'The extension for binary tensors is not supported: send the data as JSON.');
  }
  const { body } = request;
  if (!Buffer.isBuffer(body) || !/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
    throw new ServeError('media-type', 'Send JSON: Content-Type: application/json.');
  }
  state.startClock(settings.limits.answerSeconds);
  const { signal } = state;
  const run = async ({ pool, version: own }: ModelVersion) => {
    const { crop } = pool.description.framing;
    const asked = await decoders.tensor({ bytes: body, crop, mostImages }, signal);
    const { id, pixels, count, outputs } = asked;
    const length = pixels.length / count;
    const slots = Array.from({ length: count }, () => shared.take(length));
    for (const [i, slot] of slots.entries()) shared.write(slot, pixels.subarray(i * length, (i + 1) * length));
    const rows = await Promise.all(slots.map((slot) => pool.run(slot, signal).finally(() => shared.give(slot))));
    const shape = [count, pool.description.classes.length];
    return {
      ...{ model_name: name, model_version: own, ...(id !== undefined && { id }) },
      outputs: outputs.map((output) => ({
        ...{ name: output, datatype: 'FP32' as const, shape },
        data: rows.flatMap((row) => Array.from(row[output])),
      })),
    };
  };
  return unlessAborted(
    signal,
    admission.within(request.ip, signal, () => models.use(name, run)),
  );
}
