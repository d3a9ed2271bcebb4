import { UserError } from '@graft-ml/core/internal/base/errors';
import { ranked } from '@graft-ml/core/internal/base/largest';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Access } from './access.ts';
import type { Admission } from './admission.ts';
import type { Decoders } from './decoders.ts';
import type { ImageContent, ImageExplanation } from './messages.ts';
import type { Metrics } from './metrics.ts';
import type { ModelPool } from './model-pool.ts';
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
  /** Whole images, of which each may take hundreds of megabytes. */
  readonly wholeImages: Admission;
  readonly metrics: Metrics;
  readonly access: Access;
  /** Whether the server is about to stop. */
  isStopping(): boolean;
}

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

/** A route's options, with its description for the OpenAPI document. */
export function described(docs: RouteDocs) {
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
    models.use(name, (model) => classify(parts, model, image, { client: request.ip, signal })),
  );
  return unlessAborted(signal, work);
}

/** Who waits for an answer, and until when. */
interface Asker {
  readonly client: string;
  readonly signal: AbortSignal;
}

async function classify(
  parts: ServerParts,
  { name, pool }: ModelVersion,
  { bytes, asked }: ImageRequest,
  asker: Asker,
): Promise<z.output<typeof schemas.prediction>> {
  const { classes, framing, input, unexplained } = pool.description;
  const target = asked.class === undefined ? null : classes.indexOf(asked.class);
  if (target !== null && target < 0) throw noClass(asked.class!, classes);
  if (asked.explain && unexplained !== null) throw new ServeError('no-explanation', unexplained);
  const content = { bytes, framing, mostPixels: parts.settings.limits.pixels };
  const look = input === 'image' ? lookAtWhole : lookAtView;
  const { probabilities, explanation } = await look(parts, pool, content, asker, asked.explain ? { target } : null);
  const top = ranked(probabilities, Math.min(asked.top, classes.length));
  return {
    model: name,
    classes: top.map((i) => ({ name: classes[i]!, probability: probabilities[i]! })),
    ...(explanation && { explanation: describeExplanation(explanation, classes) }),
  };
}

function noClass(name: string, classes: readonly string[]): ServeError {
  const some = classes.slice(0, 10).join(', ');
  const all = classes.length > 10 ? `${some} and ${classes.length - 10} more` : some;
  return new ServeError('no-class', `The model has no class ${JSON.stringify(name)}. It has ${all}.`);
}

/** The answer of a model for an image, and where it was asked for, what speaks for a class. */
interface Looked {
  readonly probabilities: Float32Array;
  readonly explanation: ImageExplanation | null;
}

/** Resizes and crops an image for its model. */
async function lookAtView(
  { decoders, metrics, shared }: ServerParts,
  pool: ModelPool,
  content: ImageContent,
  { signal }: Asker,
  explained: { readonly target: number | null } | null,
): Promise<Looked> {
  const outputs = explained ? null : await pool.classify(content, signal);
  if (outputs) return { probabilities: outputs.probabilities, explanation: null };
  const slot = shared.take(3 * content.framing.crop ** 2);
  try {
    const start = performance.now();
    await decoders.view(content, slot, signal);
    metrics.stage('decode', performance.now() - start);
    const [{ probabilities }, explanation] = await bothDone(
      pool.run(slot, signal),
      explained ? pool.explain(slot, explained.target, signal) : Promise.resolve(null),
    );
    return { probabilities, explanation };
  } finally {
    shared.give(slot);
  }
}

/** Gives a model the image in its own size. Few are in memory at once, for one may have 50 million pixels. */
async function lookAtWhole(
  { decoders, metrics, wholeImages }: ServerParts,
  pool: ModelPool,
  content: ImageContent,
  { client, signal }: Asker,
): Promise<Looked> {
  return wholeImages.within(client, signal, async () => {
    const start = performance.now();
    const image = await decoders.image(content, signal);
    metrics.stage('decode', performance.now() - start);
    const { probabilities } = await pool.runImage(image, signal);
    return { probabilities, explanation: null };
  });
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
    const { classes, framing, input, unexplained } = pool.description;
    const side = input === 'image' ? null : framing.crop;
    return {
      ...{ name, version: own, classes: [...classes], input: { name: input, width: side, height: side } },
      ...{ explains: unexplained === null, workers: { ready: pool.ready, wanted: settings.workers }, loadedAt },
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
  app.get(
    '/health/ready',
    described({ ...open, isProbe: true, summary: 'Whether every model can be asked' }),
    async (_, reply) => {
      const isReady = readyIn(parts);
      return reply.code(isReady ? 200 : 503).send({ status: isReady ? 'ready' : 'not ready', models: models.names });
    },
  );
  app.get('/metrics', described({ tag, summary: 'Metrics for Prometheus', answer: 'text/plain' }), async (_, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  );
  app.get('/openapi.json', described({ tag, summary: 'This document', answer: schemas.openapiDocument }), async () =>
    app.swagger(),
  );
}

/** Whether every model can be asked. */
export function readyIn({ models, isStopping }: ServerParts): boolean {
  return !isStopping() && models.names.every((name) => models.current(name).pool.ready > 0);
}
