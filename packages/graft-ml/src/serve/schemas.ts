import { z } from 'zod';

/* What requests and answers are: these schemas check the one, and the OpenAPI document is made of both. */

const name = z.string().min(1).max(200);

export const modelParams = z.strictObject({ name: name.describe('the name of a model') });
export const versionParams = modelParams.extend({ version: name.describe('the version of it that is current') });

export const predictQuery = z.strictObject({
  top: z.coerce.number().int().min(1).max(1000).default(5).describe('how many classes to name'),
  explain: z.literal('grad-cam').optional().describe('adds what in the image speaks for a class'),
  class: name.optional().describe('with explain: the class; default: the likeliest'),
});

export const predictJson = z.strictObject({
  image: z.string().min(1).optional().meta({ description: 'the content of an image file', contentEncoding: 'base64' }),
  url: z
    .url({ protocol: /^https?$/ })
    .max(2000)
    .optional()
    .describe('where the image is, on a host that is allowed'),
  top: z.int().min(1).max(1000).optional(),
  explain: z.literal('grad-cam').optional(),
  class: name.optional(),
});

/** The fields of a form beside its file. */
export const predictFields = predictQuery.partial();

const rankedClass = z.object({ name: z.string(), probability: z.number().min(0).max(1) });

export const prediction = z.object({
  model: z.string(),
  classes: z.array(rankedClass).describe('the likeliest classes, the first first'),
  explanation: z
    .object({
      method: z.literal('grad-cam'),
      class: z.string().describe('the class that is explained'),
      endpoint: z.string().describe('the layer whose activations were looked at'),
      map: z
        .object({ height: z.int(), width: z.int(), values: z.array(z.number()) })
        .describe('where the class is seen, in rows, in [0, 1], in the resolution of that layer'),
      overlay: z.string().meta({
        description: 'a PNG: the image as the model sees it, in grey, with the map in colour',
        contentEncoding: 'base64',
      }),
    })
    .optional(),
});

export const problem = z
  .object({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.int(),
    code: z.string().describe('the error, for programs'),
    detail: z.string().describe('the error, for people'),
    requestId: z.string(),
  })
  .describe('RFC 9457');

export const servedModel = z.object({
  name: z.string(),
  version: z.string().describe('the first digits of the SHA-256 of its weights'),
  classes: z.array(z.string()),
  input: z
    .object({ name: z.enum(['pixels', 'image']), width: z.int().nullable(), height: z.int().nullable() })
    .describe('pixels, after resizing and cropping; null: a model that resizes images itself takes any size'),
  explains: z.boolean().describe('whether Grad-CAM can be asked for'),
  workers: z.object({ ready: z.int(), wanted: z.int() }),
  loadedAt: z.iso.datetime(),
});

export const modelList = z.object({ models: z.array(servedModel) });
export const health = z.object({
  status: z.enum(['live', 'ready', 'not ready']),
  models: z.array(z.string()).optional(),
});

export const openapiDocument = z.looseObject({ openapi: z.string(), paths: z.looseObject({}) });

const parameters = z.record(z.string(), z.union([z.boolean(), z.number(), z.string()]));

export const inferRequest = z.object({
  id: z.string().max(200).optional(),
  parameters: parameters.optional().describe('binary_data_output: whether outputs follow the JSON of the answer'),
  inputs: z
    .array(
      z.object({
        name: z.enum(['pixels', 'image']).describe('as the model’s metadata says'),
        shape: z.array(z.int().min(1)).length(4).describe('(n, 3, height, width)'),
        datatype: z.enum(['UINT8', 'FP32']),
        parameters: parameters.optional().describe('binary_data_size: so many bytes follow the JSON in place of data'),
        data: z.array(z.unknown()).optional().describe('numbers from 0 to 255 in row-major order, flat or nested'),
      }),
    )
    .length(1),
  outputs: z
    .array(
      z.object({
        name: z.enum(['logits', 'probabilities']),
        parameters: parameters.optional().describe('binary_data: whether it follows the JSON of the answer'),
      }),
    )
    .max(2)
    .optional(),
});

const tensorMetadata = z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.int()) });

export const v2Server = z.object({ name: z.string(), version: z.string(), extensions: z.array(z.string()) });
export const v2Live = z.object({ live: z.boolean() });
export const v2Ready = z.object({ ready: z.boolean() });
export const v2ModelReady = z.object({ name: z.string(), ready: z.boolean() });
export const v2Model = z.object({
  name: z.string(),
  versions: z.array(z.string()),
  platform: z.string(),
  inputs: z.array(tensorMetadata),
  outputs: z.array(tensorMetadata),
});
export const inferResponse = z.object({
  model_name: z.string(),
  model_version: z.string(),
  id: z.string().optional(),
  outputs: z.array(
    z.object({
      name: z.string(),
      shape: z.array(z.int()),
      datatype: z.literal('FP32'),
      parameters: parameters.optional().describe('binary_data_size: so many bytes follow the JSON'),
      data: z.array(z.number()).optional(),
    }),
  ),
});
export const v2Error = z.object({ error: z.string() });
