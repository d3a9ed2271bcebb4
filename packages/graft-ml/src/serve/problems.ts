import { ImageError } from '@graft-ml/core/internal/image/problem';

/** Errors by their code: the status of HTTP, its title, and what is said where nothing more is known. */
const problems = {
  'bad-request': [400, 'Bad request', 'The request is malformed.'],
  'no-image': [400, 'Bad request', 'The request has no image.'],
  unauthorized: [401, 'Unauthorized', 'Send the token: Authorization: Bearer TOKEN.'],
  'wrong-host': [403, 'Forbidden', 'This server answers to 127.0.0.1 and localhost only.'],
  'wrong-origin': [403, 'Forbidden', 'Pages of this origin may not ask this server.'],
  'no-token': [403, 'Forbidden', 'Reloading needs a token, and the server was started without one.'],
  'url-refused': [403, 'Forbidden', 'Images are not fetched from there.'],
  'not-found': [404, 'Not found', 'There is no such route here: GET /openapi.json lists them.'],
  'no-model': [404, 'Not found', 'There is no model of this name here.'],
  'no-version': [404, 'Not found', 'The model has another version now.'],
  'no-method': [405, 'Method not allowed', 'There is something here, but not for this method.'],
  timeout: [408, 'Request timeout', 'The request did not arrive in time.'],
  'too-many-bytes': [413, 'Content too large', 'The body is larger than this server takes.'],
  'too-many-pixels': [413, 'Content too large', 'The image has more pixels than this server takes.'],
  'media-type': [415, 'Unsupported media type', 'Send an image, a form with one, or JSON.'],
  'bad-image': [422, 'Unprocessable content', 'This is no image that can be read.'],
  'no-class': [422, 'Unprocessable content', 'The model has no class of this name.'],
  'no-explanation': [422, 'Unprocessable content', 'This model cannot be explained by Grad-CAM.'],
  'bad-model': [422, 'Unprocessable content', 'The model cannot be opened.'],
  'decoder-lost': [422, 'Unprocessable content', 'The process that decoded this image broke down, or took too long.'],
  'rate-limit': [429, 'Too many requests', 'This client has sent too many requests.'],
  'headers-too-large': [431, 'Request header fields too large', 'The headers are larger than this server takes.'],
  internal: [500, 'Internal server error', 'Something went wrong here; the log says more.'],
  'url-failed': [502, 'Bad gateway', 'The image could not be fetched.'],
  busy: [503, 'Service unavailable', 'Too many requests wait already.'],
  'worker-lost': [503, 'Service unavailable', 'The process that ran the model broke down, twice.'],
  closing: [503, 'Service unavailable', 'The server is stopping.'],
  late: [504, 'Gateway timeout', 'The answer was not ready in time.'],
} as const;

/** A kind of error, as programs tell it from others. */
export type ProblemCode = keyof typeof problems;

/** A request that cannot be answered as it was meant. */
export class ServeError extends Error {
  override readonly name = 'ServeError';
  readonly code: ProblemCode;
  readonly status: number;
  readonly title: string;
  /** Seconds after which it may be tried again. */
  readonly retryAfter: number | undefined;

  constructor(code: ProblemCode, detail: string = problems[code][2], options: { readonly retryAfter?: number } = {}) {
    super(detail);
    this.code = code;
    [this.status, this.title] = problems[code];
    this.retryAfter = options.retryAfter ?? (this.status === 503 || this.status === 429 ? 1 : undefined);
  }
}

/** What is said of any error. Of what is not foreseen nothing is said: the log has it. */
export function serveErrorOf(error: unknown): ServeError {
  if (error instanceof ServeError) return error;
  if (error instanceof ImageError) {
    const { kind, message } = error.problem;
    return new ServeError(kind === 'too-large' ? 'too-many-pixels' : 'bad-image', `The image: ${message} (${kind}).`);
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'FST_FILES_LIMIT') return new ServeError('bad-request', severalFiles);
  const known = byFastifyCode[code];
  return known === undefined ? new ServeError('internal') : new ServeError(known);
}

const severalFiles =
  'The form has several files: send one image in each request. Those of requests at the same time go into one batch.';

/** Errors of Fastify and its plugins. */
const byFastifyCode: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'too-many-bytes',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'media-type',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'bad-request',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'bad-request',
  FST_ERR_BAD_URL: 'bad-request',
  FST_REQ_FILE_TOO_LARGE: 'too-many-bytes',
  FST_FIELDS_LIMIT: 'bad-request',
  FST_PARTS_LIMIT: 'bad-request',
  FST_PROTO_VIOLATION: 'bad-request',
  FST_INVALID_MULTIPART_CONTENT_TYPE: 'media-type',
  ECONNRESET: 'bad-request',
};
