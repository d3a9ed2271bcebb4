import { z } from 'zod';
import { problem, v2Error } from './schemas.ts';

/** What a route takes and gives, as schemas: of these its description in the OpenAPI document is made. */
export interface RouteDocs {
  readonly summary: string;
  readonly tag: 'predict' | 'models' | 'Open Inference Protocol' | 'operations';
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  /** The body by its media type; null: bytes. */
  readonly body?: Readonly<Record<string, z.ZodType | null>>;
  /** The answer; a text: of this media type. */
  readonly answer: z.ZodType | string;
  /** Whether the same answer comes with status 503 where it is no. */
  readonly isProbe?: boolean;
  /** Whether the answer may have binary data after its JSON. */
  readonly isPartlyBinary?: boolean;
  readonly isOpen?: boolean;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    readonly docs?: RouteDocs;
  }
}

/** The form of a file beside fields. */
const form = {
  type: 'object',
  required: ['image'],
  properties: {
    image: { type: 'string', format: 'binary', description: 'the file' },
    top: { type: 'integer' },
    explain: { type: 'string', enum: ['grad-cam'] },
    class: { type: 'string' },
  },
};

function json(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io });
  return rest;
}

/** A route's schema as `@fastify/swagger` takes it. */
export function documented(docs: RouteDocs | undefined): Record<string, unknown> {
  if (!docs) return { hide: true };
  const { summary, tag, params, query, body, answer, isOpen, isProbe, isPartlyBinary } = docs;
  const isText = typeof answer === 'string';
  const error = tag === 'Open Inference Protocol' ? v2Error : problem;
  const errorType = tag === 'Open Inference Protocol' ? 'application/json' : 'application/problem+json';
  const failed = { description: 'Something else', content: { [errorType]: { schema: json(error, 'output') } } };
  const type = isText ? answer : 'application/json';
  const content = {
    [type]: { schema: isText ? { type: 'string' } : json(answer, 'output') },
    ...(isPartlyBinary && { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } }),
  };
  return {
    summary,
    tags: [tag],
    ...(isOpen && { security: [] }),
    ...(params && { params: json(params, 'input') }),
    ...(query && { querystring: json(query, 'input') }),
    ...(body && { body: { content: contentOf(body) } }),
    response: {
      200: { description: 'Done', content },
      ...(isProbe && { 503: { description: 'Not now', content } }),
      default: failed,
    },
  };
}

function contentOf(body: NonNullable<RouteDocs['body']>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(body).map(([type, schema]) => {
      if (schema) return [type, { schema: json(schema, 'input') }];
      return [type, { schema: type === 'multipart/form-data' ? form : { type: 'string', format: 'binary' } }];
    }),
  );
}
