import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { runFolder } from '../../../../test/runs.ts';
import { openRun } from '../evaluate/open-run.ts';
import { exportClassifier } from '../export/export-classifier.ts';
import { type ModelServer, serveModels } from './model-server.ts';
import * as schemas from './schemas.ts';

ownCache();
const root = temporaryFolder();
const run = join(root, 'run');
const file = join(root, 'model.onnx');
const small = { workers: 1, threads: 1, decoders: 1 } as const;
const lines: string[] = [];
let server: ModelServer;
let images: string[];
let truth: number[][];

beforeAll(async () => {
  const shapes = await drawImages(join(root, 'shapes'), { perClass: 8 });
  await runFolder(shapes, run, { epochs: 2 });
  images = readdirSync(shapes, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.png'))
    .map((name) => join(shapes, name));
  const classifier = await openRun(run, { threads: 1 });
  await exportClassifier(classifier, file);
  truth = [];
  for await (const { probabilities } of classifier.predict(images)) truth.push([...probabilities!]);
  await classifier.close();
  server = await serveModels({
    ...small,
    port: 0,
    models: [
      { name: 'shapes', path: run },
      { name: 'exported', path: file },
    ],
    log: { stream: { write: (line) => lines.push(line) } },
  });
});
afterAll(() => server?.close());

const at = (path: string) => new URL(path, server.address);
const image = () => readFileSync(images[0]!);
const raw = (path: string, body: Uint8Array<ArrayBuffer> = image(), type = 'image/png') =>
  fetch(at(path), { method: 'POST', body, headers: { 'content-type': type } });
const json = (path: string, body: unknown) =>
  fetch(at(path), { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });

async function probabilitiesIn(response: Response): Promise<Map<string, number>> {
  expect(response.status).toBe(200);
  const { classes } = schemas.prediction.parse(await response.json());
  return new Map(classes.map(({ name, probability }) => [name, probability]));
}

async function expectTruth(response: Response, index = 0): Promise<void> {
  const found = await probabilitiesIn(response);
  for (const [i, name] of ['cross', 'disc', 'square'].entries()) {
    expect(found.get(name)).toBeCloseTo(truth[index]![i]!, 5);
  }
}

async function codeOf(response: Response): Promise<[number, string]> {
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  const { code, requestId } = schemas.problem.parse(await response.json());
  expect(response.headers.get('x-request-id')).toBe(requestId);
  return [response.status, code];
}

describe('an image', () => {
  test('is classified as the run classifies it, however it is sent', async () => {
    await expectTruth(await raw('predict'));
    await expectTruth(await raw('predict', image(), 'application/octet-stream'));
    await expectTruth(await json('models/shapes/predict', { image: image().toString('base64') }));
    const form = new FormData();
    form.append('file', new Blob([image()]), 'a.png');
    await expectTruth(await fetch(at('predict'), { method: 'POST', body: form }));
    await expectTruth(await raw('models/exported/predict'));
  });

  test('is told the classes that are asked for', async () => {
    const [best] = [...(await probabilitiesIn(await raw('predict')))];
    expect([...(await probabilitiesIn(await raw('predict?top=1')))]).toEqual([best]);
    expect([...(await probabilitiesIn(await json('predict', { image: image().toString('base64'), top: 1 })))]).toEqual([
      best,
    ]);
    const form = new FormData();
    form.append('top', '2');
    form.append('file', new Blob([image()]), 'a.png');
    expect((await probabilitiesIn(await fetch(at('predict'), { method: 'POST', body: form }))).size).toBe(2);
  });

  test('is explained by Grad-CAM, for the class that is named', async () => {
    const response = await raw('predict?explain=grad-cam&class=disc');
    const { explanation } = schemas.prediction.parse(await response.json());
    expect(explanation).toMatchObject({ method: 'grad-cam', class: 'disc' });
    const { height, width, values } = explanation!.map;
    expect(values).toHaveLength(height * width);
    expect(values.every((value) => value >= 0 && value <= 1)).toBe(true);
    const overlay = await sharp(Buffer.from(explanation!.overlay, 'base64')).metadata();
    expect([overlay.format, overlay.width, overlay.height]).toEqual(['png', 28, 28]);
  });

  test('many at once come out as one by one, and in batches', async () => {
    const order = Array.from({ length: 60 }, (_, i) => i % images.length);
    const answers = await Promise.all(order.map((i) => raw('predict', readFileSync(images[i]!))));
    for (const [k, answer] of answers.entries()) await expectTruth(answer, order[k]);
    const metrics = await (await fetch(at('metrics'))).text();
    const sum = Number(/graft_batch_images_sum\{model="shapes"\} (\d+)/.exec(metrics)?.[1]);
    const count = Number(/graft_batch_images_count\{model="shapes"\} (\d+)/.exec(metrics)?.[1]);
    expect(sum).toBeGreaterThanOrEqual(60);
    expect(count).toBeLessThan(sum);
  });
});

describe('what is wrong has a code', () => {
  const post = (path: string, body: string, type: string) => () =>
    fetch(at(path), { method: 'POST', body, headers: { 'content-type': type } });
  const boundary = 'multipart/form-data; boundary=x';
  const big = '0'.repeat(11 * 2 ** 20);
  test.each<[string, () => Promise<Response>, number, string]>([
    ['no image', post('predict', 'not an image', 'image/png'), 422, 'bad-image'],
    ['an empty body', post('predict', '', 'image/png'), 400, 'no-image'],
    ['half an image', () => raw('predict', Uint8Array.from(image().subarray(0, 200))), 422, 'bad-image'],
    ['a type that is not taken', post('predict', 'x', 'text/plain'), 415, 'media-type'],
    ['what curl sends by itself', post('predict', 'x', 'application/x-www-form-urlencoded'), 415, 'media-type'],
    [
      'a compressed body',
      () => fetch(at('predict'), { method: 'POST', body: 'x', headers: { 'content-encoding': 'gzip' } }),
      415,
      'media-type',
    ],
    [
      'two images in a form',
      () => {
        const form = new FormData();
        for (const name of ['a.png', 'b.png']) form.append('image', new Blob([image()]), name);
        return fetch(at('predict'), { method: 'POST', body: form });
      },
      400,
      'bad-request',
    ],
    [
      'a form with the name of a file',
      () => {
        const form = new FormData();
        form.append('image', 'photo.jpg');
        return fetch(at('predict'), { method: 'POST', body: form });
      },
      400,
      'no-image',
    ],
    ['a class that nothing explains', () => raw('predict?class=disc'), 400, 'bad-request'],
    ['another method', () => fetch(at('predict')), 405, 'no-method'],
    ['broken JSON', post('predict', '{"image"', 'application/json'), 400, 'bad-request'],
    ['deep JSON', post('predict', '['.repeat(1e5), 'application/json'), 400, 'bad-request'],
    ['a list', post('predict', '[]', 'application/json'), 400, 'bad-request'],
    ['broken base64', post('predict', '{"image":"a$b="}', 'application/json'), 400, 'bad-request'],
    ['an unknown field', post('predict', '{"image":"aaaa","x":1}', 'application/json'), 400, 'bad-request'],
    ['neither image nor url', post('predict', '{}', 'application/json'), 400, 'no-image'],
    ['a url', post('predict', '{"url":"http://example.com/a.png"}', 'application/json'), 403, 'url-refused'],
    ['a broken form', post('predict', 'nonsense', boundary), 400, 'bad-request'],
    ['a form without an end', post('predict', '--x\r\n\r\n', boundary), 400, 'bad-request'],
    ['a form without a boundary', post('predict', 'x', 'multipart/form-data'), 400, 'bad-request'],
    [
      'a form without a file',
      post('predict', '--x\r\nContent-Disposition: form-data; name="top"\r\n\r\n1\r\n--x--\r\n', boundary),
      400,
      'no-image',
    ],
    ['too many bytes', post('predict', big, 'image/png'), 413, 'too-many-bytes'],
    ['top that is none', () => raw('predict?top=0'), 400, 'bad-request'],
    ['an unknown option', () => raw('predict?tops=1'), 400, 'bad-request'],
    ['an unknown class', () => raw('predict?class=dog&explain=grad-cam'), 422, 'no-class'],
    ['an export that is to be explained', () => raw('models/exported/predict?explain=grad-cam'), 422, 'no-explanation'],
    ['an unknown model', () => raw('models/x/predict'), 404, 'no-model'],
    ['an unknown place', () => fetch(at('nowhere')), 404, 'not-found'],
    ['a reload without a token', () => raw('models/shapes/reload'), 403, 'no-token'],
  ])('%s', async (_, send, status, code) => {
    expect(await codeOf(await send())).toEqual([status, code]);
    await expectTruth(await raw('predict'));
  });
});

describe('the Open Inference Protocol', () => {
  const pixels = async () => {
    const { data } = await sharp(images[0]!).resize(28, 28).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    return [...data];
  };
  const infer = (input: object, more: object = {}) =>
    json('v2/models/shapes/infer', { inputs: [{ name: 'pixels', datatype: 'UINT8', ...input }], ...more });

  test('describes server and models', async () => {
    const answer = async (path: string) => (await fetch(at(path))).json();
    expect(schemas.v2Server.parse(await answer('v2'))).toMatchObject({ name: 'graft' });
    expect(await answer('v2/health/live')).toEqual({ live: true });
    expect(await answer('v2/health/ready')).toEqual({ ready: true });
    expect(await answer('v2/models/shapes/ready')).toEqual({ name: 'shapes', ready: true });
    expect(schemas.v2Model.parse(await answer('v2/models/shapes'))).toMatchObject({
      inputs: [{ name: 'pixels', datatype: 'UINT8', shape: [-1, 3, 28, 28] }],
      outputs: [
        { name: 'logits', datatype: 'FP32', shape: [-1, 3] },
        { name: 'probabilities', datatype: 'FP32', shape: [-1, 3] },
      ],
    });
  });

  test('takes tensors, flat or nested, as bytes or floats', async () => {
    const one = await pixels();
    const nested = [0, 1, 2].map((c) =>
      Array.from({ length: 28 }, (_, y) => one.slice(784 * c + 28 * y, 784 * c + 28 * (y + 1))),
    );
    const flat = await infer({ shape: [2, 3, 28, 28], data: [...one, ...one] }, { id: 'a' });
    const { id, outputs, model_name } = schemas.inferResponse.parse(await flat.json());
    expect([id, model_name]).toEqual(['a', 'shapes']);
    expect(outputs.map(({ name, shape }) => [name, shape])).toEqual([
      ['logits', [2, 3]],
      ['probabilities', [2, 3]],
    ]);
    const [logits, probabilities] = outputs.map(({ data }) => data) as [number[], number[]];
    const powers = logits.slice(0, 3).map(Math.exp);
    const sum = powers.reduce((a, b) => a + b);
    for (const [i, power] of powers.entries()) expect(probabilities[i]).toBeCloseTo(power / sum, 5);
    const asked = { outputs: [{ name: 'probabilities' }] };
    const floats = await infer({ shape: [1, 3, 28, 28], data: [nested], datatype: 'FP32' }, asked);
    const other = schemas.inferResponse.parse(await floats.json());
    expect(other.outputs).toHaveLength(1);
    for (const [i, value] of other.outputs[0]!.data!.entries()) expect(value).toBeCloseTo(probabilities[i]!, 5);
  });

  test.each([
    ['another shape', { shape: [1, 3, 27, 28], data: [0] }, 'expected [n, 3, 28, 28]'],
    ['too few numbers', { shape: [1, 3, 28, 28], data: [0] }, 'has 1 numbers'],
    ['something else than numbers', { shape: [1, 3, 28, 28], data: ['0'] }, 'numbers from 0 to 255'],
    ['fractions as bytes', { shape: [1, 3, 28, 28], data: [0.5] }, 'numbers from 0 to 255'],
    ['another type', { shape: [1, 3, 28, 28], data: [0], datatype: 'INT64' }, 'datatype'],
    ['too many images', { shape: [33, 3, 28, 28], data: [0] }, 'more than 32'],
    ['binary data', { shape: [1, 3, 28, 28], data: [0], parameters: { binary_data_size: 4 } }, 'binary'],
  ])('%s is an error in its own form', async (_, input, message) => {
    const response = await infer(input);
    expect(response.status).toBe(400);
    expect(schemas.v2Error.strict().parse(await response.json()).error).toContain(message);
  });

  test('binary tensors come and go after the JSON, byte for byte', async () => {
    const bytes = Uint8Array.from(await pixels());
    const send = (input: object, more: object, tail: Uint8Array) => {
      const head = Buffer.from(
        JSON.stringify({ inputs: [{ name: 'pixels', shape: [1, 3, 28, 28], ...input }], ...more }),
      );
      return fetch(at('v2/models/shapes/infer'), {
        method: 'POST',
        body: Buffer.concat([head, tail]),
        headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': `${head.length}` },
      });
    };
    const sized = { datatype: 'UINT8', parameters: { binary_data_size: bytes.length } };
    const binary = await send(sized, { id: 'b', parameters: { binary_data_output: true } }, bytes);
    const length = Number(binary.headers.get('inference-header-content-length'));
    expect(binary.headers.get('content-type')).toBe('application/octet-stream');
    const body = Buffer.from(await binary.arrayBuffer());
    const parameters = { binary_data_size: 12 };
    const fixed = { shape: [1, 3], datatype: 'FP32', parameters };
    expect(JSON.parse(body.subarray(0, length).toString('utf8'))).toMatchObject({
      ...{ model_name: 'shapes', id: 'b' },
      outputs: [
        { name: 'logits', ...fixed },
        { name: 'probabilities', ...fixed },
      ],
    });
    expect(body.length).toBe(length + 24);
    const text = await infer({ shape: [1, 3, 28, 28], data: [...bytes] });
    const { outputs } = schemas.inferResponse.parse(await text.json());
    const values = Array.from({ length: 6 }, (_, i) => body.readFloatLE(length + 4 * i));
    expect(values).toEqual(outputs.flatMap(({ data }) => data));

    const floats = new Uint8Array(Float32Array.from(bytes).buffer);
    const asked = { outputs: [{ name: 'logits', parameters: { binary_data: false } }] };
    const mixed = await send(
      { datatype: 'FP32', parameters: { binary_data_size: floats.length } },
      { ...asked, parameters: { binary_data_output: true } },
      floats,
    );
    expect(mixed.headers.get('content-type')).toContain('application/json');
    expect(schemas.inferResponse.parse(await mixed.json()).outputs).toEqual([outputs[0]]);

    for (const [input, tail, words] of [
      [sized, bytes.subarray(1), 'binary_data_size is 2352, and 2351 bytes follow'],
      [{ datatype: 'UINT8' }, bytes, 'binary_data_size is absent, and 2352 bytes follow'],
      [{ ...sized, data: [1] }, bytes, 'either data or'],
      [{ datatype: 'FP32', parameters: { binary_data_size: 8 } }, bytes.subarray(0, 8), 'needs 9408 (FP32)'],
      [{ datatype: 'UINT8' }, new Uint8Array(0), 'either data or'],
    ] as const) {
      const refused = await send(input, {}, tail);
      expect(refused.status).toBe(400);
      expect(schemas.v2Error.parse(await refused.json()).error).toContain(words);
    }
    const long = await fetch(at('v2/models/shapes/infer'), {
      ...{ method: 'POST', body: '{}' },
      headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': '3' },
    });
    expect(await long.json()).toEqual({ error: 'Inference-Header-Content-Length is 3, the body has 2 bytes.' });
  });

  test.each([
    ['shared memory', { parameters: { shared_memory_region: 'a' } }, {}, 'shared memory are not supported'],
    [
      'classification',
      {},
      { outputs: [{ name: 'logits', parameters: { classification: 2 } }] },
      'classification extension',
    ],
    ['a sequence', {}, { parameters: { sequence_id: 1 } }, 'Sequences are not supported'],
  ])('%s is refused in words', async (_, input, more, words) => {
    const response = await infer({ shape: [1, 3, 28, 28], data: [0], ...input }, more);
    expect([response.status, await response.json()]).toEqual([400, { error: expect.stringContaining(words) }]);
  });

  test('errors of every kind are in its form', async () => {
    for (const [path, status] of [
      ['v2/nowhere', 404],
      ['v2/models/shapes/versions/7/ready', 404],
      ['v2/models/shapes/infer', 405],
    ] as const) {
      const response = await fetch(at(path));
      expect([path, response.status]).toEqual([path, status]);
      expect(schemas.v2Error.strict().parse(await response.json()).error).not.toBe('');
    }
  });

  test('JSON needs no content type, which Triton’s client leaves out', async () => {
    const inputs = [{ name: 'pixels', datatype: 'UINT8', shape: [1, 3, 28, 28], data: await pixels() }];
    const body = Buffer.from(JSON.stringify({ inputs }));
    const response = await fetch(at('v2/models/shapes/infer'), { method: 'POST', body });
    expect([response.status, schemas.inferResponse.parse(await response.json()).outputs.length]).toEqual([200, 2]);
  });

  test('an unknown model is one, too', async () => {
    const response = await json('v2/models/x/infer', {});
    expect([response.status, await response.json()]).toEqual([404, { error: expect.stringContaining('"x"') }]);
  });
});

describe('the server', () => {
  test('describes itself by OpenAPI, with schemas that compile', async () => {
    const document = z
      .object({
        openapi: z.literal('3.1.0'),
        paths: z.record(z.string(), z.record(z.string(), z.record(z.string(), z.unknown()))),
      })
      .parse(await (await fetch(at('openapi.json'))).json());
    expect(Object.keys(document.paths).sort()).toEqual([
      ...['/health/live', '/health/ready', '/metrics', '/models', '/models/{name}', '/models/{name}/predict'],
      ...['/models/{name}/reload', '/openapi.json', '/predict', '/v2', '/v2/health/live', '/v2/health/ready'],
      ...['/v2/models/{name}', '/v2/models/{name}/infer', '/v2/models/{name}/ready'],
      ...['/v2/models/{name}/versions/{version}', '/v2/models/{name}/versions/{version}/infer'],
      '/v2/models/{name}/versions/{version}/ready',
    ]);
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    const found: unknown[] = [];
    const collect = (value: unknown) => {
      if (typeof value !== 'object' || value === null) return;
      for (const [key, inner] of Object.entries(value)) {
        if (key === 'schema') found.push(inner);
        collect(inner);
      }
    };
    collect(document.paths);
    expect(found.length).toBeGreaterThan(30);
    for (const schema of found) expect(() => ajv.compile(schema as object)).not.toThrow();
    const answer: unknown = await (await raw('predict')).json();
    const content = document.paths['/predict']!.post!.responses as Record<
      string,
      { content: Record<string, { schema: object }> }
    >;
    expect(ajv.validate(content['200']!.content['application/json']!.schema, answer)).toBe(true);
  });

  test('counts and measures for Prometheus', async () => {
    await raw('predict');
    const response = await fetch(at('metrics'));
    expect(response.headers.get('content-type')).toContain('text/plain');
    const text = await response.text();
    for (const name of [
      'graft_requests_total{route="/predict",method="POST",status="200"}',
      'graft_request_seconds_bucket{le="0.1",route="/predict"}',
      'graft_stage_seconds_count{stage="decode"}',
      'graft_stage_seconds_count{stage="compute"}',
      'graft_workers_ready{model="shapes"} 1',
      'graft_queue_images{model="shapes"} 0',
      'graft_requests_active 0',
      'graft_body_bytes 0',
      'graft_process_memory_bytes{kind="inference"}',
      'graft_errors_total{code="bad-image"}',
    ]) {
      expect(text).toContain(name);
    }
  });

  test('logs a line of JSON for each request, without its content', async () => {
    const response = await raw('predict?top=2');
    const id = response.headers.get('x-request-id')!;
    await expect.poll(() => lines.some((line) => line.includes(id))).toBe(true);
    const line = lines.find((each) => each.includes(id))!;
    expect(JSON.parse(line)).toMatchObject({
      ...{ level: 'info', requestId: id, method: 'POST', route: '/predict', status: 200, model: 'shapes' },
    });
    expect(lines.join('')).not.toContain('top=2');
  });

  test('lists its models, and is ready', async () => {
    const { models } = schemas.modelList.parse(await (await fetch(at('models'))).json());
    expect(models.map(({ name, explains, workers }) => [name, explains, workers.ready])).toEqual([
      ['shapes', true, 1],
      ['exported', false, 1],
    ]);
    expect(schemas.servedModel.parse(await (await fetch(at('models/shapes'))).json())).toEqual(models[0]);
    expect(await (await fetch(at('health/live'))).json()).toEqual({ status: 'live' });
    expect(await (await fetch(at('health/ready'))).json()).toEqual({ status: 'ready', models: ['shapes', 'exported'] });
  });
});
