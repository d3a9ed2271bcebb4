/// <reference lib="esnext.disposable" preserve="true" />
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Server as NetServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { loadPeers } from '../jobs/peer.ts';
import { createAccess } from './access.ts';
import { createAdmission } from './admission.ts';
import { startDecoders } from './decoders.ts';
import { inferenceRoutes } from './inference-routes.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { documented } from './openapi.ts';
import { methodsByUrl, refuseOtherMethods } from './other-methods.ts';
import { ServeError, serveErrorOf } from './problems.ts';
import { collectBody } from './request-image.ts';
import { beginRequest, stateOf } from './request-state.ts';
import { modelRoutes, operationRoutes, predictRoutes, type ServerParts } from './routes.ts';
import type { ServeLog, ServeOptions } from './serve-options.ts';
import { resolveServeOptions, type ServeSettings } from './serve-settings.ts';
import { openServedModels } from './served-models.ts';
import { openSharedPixels } from './shared-pixels.ts';
import { portProblem } from './studio-server.ts';

/** A server of models, until `close`. */
export interface ModelServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>/` */
  readonly address: string;
  readonly host: string;
  readonly port: number;
  /** The names of its models. */
  readonly models: readonly string[];
  /**
   * Opens a model anew from where it is, or all of them, without a request being dropped.
   * @throws UserError (by rejection) where one cannot be opened: it stays as it was
   */
  reload(name?: string): Promise<void>;
  /** Takes no more requests, answers those that it has taken, and ends its processes. Idempotent. */
  close(): Promise<void>;
}

const watchMilliseconds = 1000;
/** Milliseconds in which a server that stops answers requests on connections that are open. */
const lastRequests = 300;
/** The longest that opening a model may take, in seconds: kernels may be timed for it. */
const openSeconds = 600;

const peers = () =>
  Promise.all([
    import('fastify'),
    import('@fastify/multipart'),
    import('@fastify/rate-limit'),
    import('@fastify/swagger'),
    import('prom-client'),
  ]);
type Peers = Awaited<ReturnType<typeof peers>>;
const peerNames = ['fastify', '@fastify/multipart', '@fastify/rate-limit', '@fastify/swagger', 'prom-client'];

/**
 * Serves models over HTTP: runs, and ONNX files that `graft export` wrote. Images are decoded, and models run, in
 * processes of their own.
 *
 * @throws UserError (by rejection) where a package is missing, a model cannot be opened, or the port cannot be had;
 * OptionError where an option is wrong
 * @example
 * await using server = await serveModels({ models: [{ name: 'flowers', path: 'runs/flowers' }] });
 * await fetch(new URL('predict', server.address), { method: 'POST', body: await openAsBlob('photo.jpg') });
 */
export async function serveModels(options: ServeOptions): Promise<ModelServer> {
  const settings = resolveServeOptions(options);
  const loaded = await loadPeers(peerNames, 'The server', peers);
  const metrics = createMetrics(loaded[4].default);
  const app = createApp(loaded, settings);
  const shared = openSharedPixels();
  const models = await openServedModels({
    ...settings,
    shared,
    seconds: settings.limits.answerSeconds,
    openSeconds,
    events: (name) => {
      const events = metrics.poolEvents(name);
      return {
        ...events,
        onLost: (how) => {
          app.log.error({ model: name, how }, 'a worker was lost');
          events.onLost(how);
        },
      };
    },
    onReload: (model, outcome) => {
      const isDone = 'version' in outcome;
      metrics.reload(model, isDone);
      if (isDone) app.log.info({ model, ...outcome }, 'reloaded');
      else app.log.error({ model, ...outcome }, 'not reloaded: the model stays as it was');
    },
  });
  const decoders = await startDecoders({
    shared,
    count: settings.decoders,
    seconds: settings.limits.answerSeconds,
    onLost: (how) => {
      app.log.error({ how }, 'a decoder was lost');
      metrics.lost('decoder');
    },
  });
  const admission = createAdmission({ ...settings.limits, bytes: settings.limits.heldBytes });
  const wholeImages = createAdmission({ ...settings.limits, concurrency: settings.decoders, bytes: 0 });
  let isStopping = false;
  const access = createAccess({ token: settings.token, isLoopback: settings.isLoopback, origins: settings.cors });
  const parts: ServerParts = {
    ...{ settings, models, decoders, shared, admission, wholeImages, metrics, access },
    isStopping: () => isStopping,
  };
  metrics.watch(parts);
  const closeAll = async () => {
    await app.close();
    decoders.close();
    await models.close();
    shared.close();
  };
  try {
    await addRoutes(app, loaded, parts);
    await app.listen({ host: settings.host, port: settings.port }).catch((error: Error) => {
      throw new UserError(portProblem(error, settings.port), { cause: error });
    });
  } catch (error) {
    await closeAll();
    throw error;
  }
  if (settings.watch) models.watch(watchMilliseconds);
  const own = app.server.address();
  if (own === null || typeof own === 'string') throw new Error('a server that listens on a port has one');
  const { host } = settings;
  let closing: Promise<void> | undefined;
  const stop = async () => {
    isStopping = true;
    // Connections that stay beyond it are cut.
    const clock = setTimeout(() => app.server.closeAllConnections(), 1000 * settings.limits.stopSeconds);
    // The server's own `close` would cut connections that are idle, on one of which a request may be on its way: for a
    // while they are answered, and told that it was the last time.
    const ended = once(app.server, 'close');
    NetServer.prototype.close.call(app.server);
    await Promise.race([ended, delay(Math.min(lastRequests, 1000 * settings.limits.stopSeconds))]);
    app.server.closeIdleConnections();
    await ended;
    await closeAll();
    clearTimeout(clock);
  };
  const close = () => {
    closing ??= stop();
    return closing;
  };
  return {
    address: `http://${host.includes(':') ? `[${host}]` : host}:${own.port}/`,
    host,
    port: own.port,
    models: models.names,
    async reload(name) {
      const results = await Promise.allSettled((name === undefined ? models.names : [name]).map(models.reload));
      const failed = results.find((each) => each.status === 'rejected');
      if (failed) throw failed.reason;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function createApp([{ fastify, LogController }]: Peers, { limits, log, proxies }: ServeSettings): FastifyInstance {
  const app: FastifyInstance = fastify({
    logger: log === null ? false : loggerOptions(log),
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: () => randomUUID(),
    bodyLimit: limits.bodyBytes,
    requestTimeout: 1000 * limits.receiveSeconds,
    keepAliveTimeout: 30_000,
    forceCloseConnections: 'idle',
    // What comes on a connection that is open is answered, too; it is closed thereafter.
    return503OnClosing: false,
    trustProxy: proxies.length > 0 ? [...proxies] : false,
    http: { headersTimeout: 1000 * limits.headerSeconds, connectionsCheckingInterval: 1000 },
    clientErrorHandler: answerBroken,
  });
  app.server.maxConnections = limits.connections;
  return app;
}

/** JSON lines by pino. */
function loggerOptions({ level = 'info', stream = process.stderr }: ServeLog) {
  return { level, base: null, stream, formatters: { level: (label: string) => ({ level: label }) } };
}

/** What is no HTTP, or came too slowly, has no request that could be answered. */
function answerBroken(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return void socket.destroy();
  const code =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? 'timeout'
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? 'headers-too-large'
        : 'bad-request';
  const problem = new ServeError(code);
  const body = JSON.stringify(problemBody(problem, ''));
  socket.end(
    `HTTP/1.1 ${problem.status} ${problem.title}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function problemBody({ status, title, code, message }: ServeError, requestId: string) {
  return { type: 'about:blank', title, status, code, detail: message, requestId };
}

async function addRoutes(app: FastifyInstance, [, multipart, rateLimit, swagger]: Peers, parts: ServerParts) {
  const { limits } = parts.settings;
  addHooks(app, parts);
  app.removeAllContentTypeParsers();
  const collect = (request: FastifyRequest, payload: AsyncIterable<unknown>) =>
    collectBody(request, payload, limits.bodyBytes);
  app.addContentTypeParser(['application/json', 'application/octet-stream'], collect);
  app.addContentTypeParser(/^image\//, collect);
  app.addContentTypeParser('*', async (request: FastifyRequest, payload: AsyncIterable<unknown>) => {
    const type = request.headers['content-type'];
    // Clients of the Open Inference Protocol may send none.
    if (type === undefined) return collect(request, payload);
    throw new ServeError('media-type', mediaTypeProblem(type));
  });
  await app.register(multipart.default, {
    limits: { fileSize: limits.bodyBytes, files: 1, fields: 8, parts: 9, fieldSize: 1000, headerPairs: 20 },
  });
  if (limits.rate !== null) {
    await app.register(rateLimit.default, {
      max: limits.rate,
      timeWindow: 60_000,
      allowList: (request) => request.routeOptions.config.docs?.isOpen === true,
      errorResponseBuilder: (_, { ttl }) =>
        new ServeError('rate-limit', undefined, { retryAfter: Math.ceil(ttl / 1000) }),
    });
  }
  await app.register(swagger.default, {
    openapi: openapiBase(parts.settings),
    transform: ({ route, url }) => ({ schema: documented(route.config?.docs), url }),
  });
  // Routes check what they take by the schemas that describe them.
  app.setValidatorCompiler(() => () => true);
  app.register(async (routes) => {
    const methods = methodsByUrl(routes);
    predictRoutes(routes, parts);
    modelRoutes(routes, parts);
    inferenceRoutes(routes, parts);
    operationRoutes(routes, parts);
    refuseOtherMethods(routes, methods);
  });
  app.setNotFoundHandler(() => {
    throw new ServeError('not-found');
  });
  app.setErrorHandler((error: FastifyError, request, reply) => answerError(error, request, reply, parts.metrics));
}

function mediaTypeProblem(type: string): string {
  const expected = 'Send an image (image/jpeg, image/png, …), application/octet-stream, a form with a file, or JSON.';
  const isCurl = /^application\/x-www-form-urlencoded\b/i.test(type);
  const hint = isCurl
    ? " With curl: -F image=@photo.jpg, or -H 'Content-Type: image/jpeg' --data-binary @photo.jpg."
    : '';
  return `Content-Type ${type.slice(0, 100)} is not taken. ${expected}${hint}`;
}

function openapiBase({ token }: ServeSettings) {
  const security = token === null ? {} : { security: [{ token: [] }] };
  return {
    openapi: '3.1.0',
    info: { title: 'Graft', description: 'Image classifiers', version: '1' },
    ...security,
    ...(token !== null && { components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } as const } } }),
    servers: [{ url: '/' }],
  };
}

function addHooks(app: FastifyInstance, { access, admission, metrics, isStopping }: ServerParts): void {
  app.addHook('onRequest', async (request, reply) => {
    beginRequest(request.raw, reply.raw, admission);
    reply.headers({ 'x-request-id': request.id, 'x-content-type-options': 'nosniff' });
    access.assertPlace(request.headers);
    const cors = access.corsHeaders(request.headers);
    reply.headers({ ...cors, vary: 'Origin' });
    if (request.method === 'OPTIONS' && Object.keys(cors).length > 0) return reply.code(204).send();
    if (!request.routeOptions.config.docs?.isOpen) access.assertToken(request.headers);
    const encoding = request.headers['content-encoding'] ?? 'identity';
    if (encoding !== 'identity') {
      throw new ServeError('media-type', `Content-Encoding ${encoding} is not taken: send the body uncompressed.`);
    }
  });
  app.addHook('onSend', async (request, reply) => {
    // A body that nobody reads any more would be read to its end; and a server that stops keeps no connections.
    if (!request.raw.complete || isStopping()) reply.header('connection', 'close');
  });
  app.addHook('onResponse', async (request, reply) => {
    const { start, code, model } = stateOf(request.raw);
    const seconds = (performance.now() - start) / 1000;
    const route = request.routeOptions.url ?? 'none';
    const { method } = request;
    metrics.request({ route, method, status: reply.statusCode }, seconds);
    request.log.info(
      {
        ...{ method, route, status: reply.statusCode, milliseconds: Math.round(1e5 * seconds) / 100 },
        ...{ client: request.ip, ...(model !== undefined && { model }), ...(code !== undefined && { code }) },
      },
      'answered',
    );
  });
}

function answerError(error: Error, request: FastifyRequest, reply: FastifyReply, metrics: Metrics): FastifyReply {
  const known = serveErrorOf(error);
  stateOf(request.raw).code = known.code;
  metrics.refusal(known.code);
  if (known.code === 'internal') request.log.error({ err: error }, 'an error that was not foreseen');
  if (known.retryAfter !== undefined) reply.header('retry-after', String(known.retryAfter));
  if (known.status === 401) reply.header('www-authenticate', 'Bearer');
  reply.code(known.status);
  if (/^\/v2(?:[/?]|$)/.test(request.url)) return reply.send({ error: known.message });
  return reply.type('application/problem+json').send(problemBody(known, request.id));
}
