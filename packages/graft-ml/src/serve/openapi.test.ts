/* The OpenAPI document is valid as a whole, and every route answers as it says. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { runFolder } from '../../../../test/runs.ts';
import { type ModelServer, serveModels } from './model-server.ts';

ownCache();
const root = temporaryFolder();
const token = 'sixteen-characters';
const response = z.looseObject({
  content: z.record(z.string(), z.object({ schema: z.record(z.string(), z.unknown()) })),
});
const documentSchema = z.looseObject({
  openapi: z.literal('3.1.0'),
  paths: z.record(
    z.string(),
    z.record(z.string(), z.looseObject({ summary: z.string(), responses: z.record(z.string(), response) })),
  ),
});
let server: ModelServer;
let document: z.output<typeof documentSchema>;
let image: Uint8Array<ArrayBuffer>;
let version: string;

const send = (method: string, path: string, init: RequestInit = {}) => {
  const headers = { authorization: `Bearer ${token}`, ...init.headers };
  return fetch(new URL(path, server.address), { ...init, method, headers });
};

beforeAll(async () => {
  const shapes = await drawImages(join(root, 'shapes'), { perClass: 4 });
  await runFolder(shapes, join(root, 'run'), { epochs: 1 });
  image = Uint8Array.from(readFileSync(join(shapes, 'disc', readdirSync(join(shapes, 'disc'))[0]!)));
  const models = [{ name: 'm', path: join(root, 'run') }];
  server = await serveModels({ port: 0, models, token, workers: 1, threads: 1, decoders: 1 });
  document = documentSchema.parse(await (await send('GET', 'openapi.json')).json());
  const described = await (await send('GET', 'models/m')).json();
  version = z.looseObject({ version: z.string() }).parse(described).version;
});
afterAll(() => server?.close());

test('the document is valid', async () => {
  expect(await new Validator().validate(document)).toEqual({ valid: true });
});

test('the validator finds what is wrong', async () => {
  const { summary: _, responses: __, ...rest } = document.paths['/predict']!.post!;
  const broken = { ...document, paths: { '/predict': { post: { ...rest, responses: 'none' } } } };
  expect((await new Validator().validate(broken)).valid).toBe(false);
});

const tensor = (more: object = {}): RequestInit => ({
  body: JSON.stringify({
    inputs: [{ name: 'pixels', datatype: 'UINT8', shape: [1, 3, 28, 28], data: Array<number>(2352).fill(7) }],
    ...more,
  }),
  headers: { 'content-type': 'application/json' },
});
const photo = (): RequestInit => ({ body: image, headers: { 'content-type': 'image/png' } });
const inPlace = (path: string) => path.replace('{name}', 'm').replace('{version}', version).slice(1);

/** A request of each route, and more of those that have several kinds of answers: with the status that is expected. */
const requests: Readonly<
  Record<string, readonly (readonly [path: string, init: () => RequestInit, status: number])[]>
> = {
  'get /health/live': [['/health/live', () => ({}), 200]],
  'get /health/ready': [['/health/ready', () => ({}), 200]],
  'get /metrics': [['/metrics', () => ({}), 200]],
  'get /openapi.json': [['/openapi.json', () => ({}), 200]],
  'get /models': [
    ['/models', () => ({}), 200],
    ['/models', () => ({ headers: { authorization: 'Bearer wrong' } }), 401],
  ],
  'get /models/{name}': [
    ['/models/{name}', () => ({}), 200],
    ['/models/x', () => ({}), 404],
  ],
  'post /models/{name}/predict': [['/models/{name}/predict', photo, 200]],
  'post /models/{name}/reload': [['/models/{name}/reload', () => ({}), 200]],
  'post /predict': [
    ['/predict', photo, 200],
    ['/predict?top=1&explain=grad-cam&class=disc', photo, 200],
    ['/predict?top=0', photo, 400],
    ['/predict', () => ({ body: 'x', headers: { 'content-type': 'text/plain' } }), 415],
    ['/predict', () => ({ body: 'x', headers: { 'content-type': 'image/png' } }), 422],
  ],
  'get /v2': [['/v2', () => ({}), 200]],
  'get /v2/health/live': [['/v2/health/live', () => ({}), 200]],
  'get /v2/health/ready': [['/v2/health/ready', () => ({}), 200]],
  'get /v2/models/{name}': [
    ['/v2/models/{name}', () => ({}), 200],
    ['/v2/models/x', () => ({}), 404],
    ['/v2/models/{name}', () => ({ headers: { authorization: 'Bearer wrong' } }), 401],
  ],
  'get /v2/models/{name}/ready': [['/v2/models/{name}/ready', () => ({}), 200]],
  'post /v2/models/{name}/infer': [
    ['/v2/models/{name}/infer', tensor, 200],
    ['/v2/models/{name}/infer', () => tensor({ parameters: { binary_data_output: true } }), 200],
    ['/v2/models/{name}/infer', () => tensor({ inputs: [] }), 400],
    ['/v2/models/{name}/infer', () => ({ body: 'x', headers: { 'content-type': 'text/plain' } }), 415],
  ],
  'get /v2/models/{name}/versions/{version}': [
    ['/v2/models/{name}/versions/{version}', () => ({}), 200],
    ['/v2/models/{name}/versions/7', () => ({}), 404],
  ],
  'get /v2/models/{name}/versions/{version}/ready': [['/v2/models/{name}/versions/{version}/ready', () => ({}), 200]],
  'post /v2/models/{name}/versions/{version}/infer': [
    ['/v2/models/{name}/versions/{version}/infer', () => tensor({ id: 'a' }), 200],
  ],
};

test('every route that is described is asked below, and no other', () => {
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  expect(described.sort()).toEqual(Object.keys(requests).sort());
});

describe.each(Object.keys(requests))('%s', (route) => {
  const [method, path] = route.split(' ') as [string, string];

  test.each(requests[route]!)('%s', async (asked, init, status) => {
    const answer = await send(method.toUpperCase(), inPlace(asked), init());
    expect(answer.status).toBe(status);
    const { responses } = document.paths[path]![method]!;
    const { content } = (responses[String(status)] ?? responses.default)!;
    const type = (answer.headers.get('content-type') ?? '').split(';')[0]!;
    expect(Object.keys(content)).toContain(type);
    const { schema } = content[type]!;
    const isJson = type.endsWith('json');
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    const isAsDescribed = ajv.validate(schema, isJson ? await answer.json() : await answer.text());
    expect(ajv.errors).toBeNull();
    expect(isAsDescribed).toBe(true);
  });

  test('another method is answered 405, with those that there are', async () => {
    const answer = await send('DELETE', inPlace(path));
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, method === 'get' ? 'GET, HEAD' : 'POST']);
    const isV2 = path.startsWith('/v2');
    expect(await answer.json()).toMatchObject(isV2 ? { error: expect.any(String) } : { code: 'no-method' });
  });
});
