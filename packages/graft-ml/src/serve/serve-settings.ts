import { OptionError } from '@graft-ml/core/internal/base/errors';
import { availableCores } from '../files/own-process.ts';
import { isLoopbackHost } from './access.ts';
import type { ServeLimits, ServeOptions } from './serve-options.ts';

/** One above the dashboard's. */
export const servePort = 47_240;
const shortestToken = 16;
const modelName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

type Required<T> = { readonly [K in keyof T]-?: Exclude<T[K], undefined> };

export type ServeSettings = Omit<Required<ServeOptions>, 'limits' | 'token'> & {
  readonly limits: Required<ServeLimits>;
  readonly token: string | null;
  readonly isLoopback: boolean;
};

/** The options with their defaults. @throws OptionError where one is wrong */
export function resolveServeOptions(options: ServeOptions): ServeSettings {
  const { models, host = '127.0.0.1', token = null } = options;
  const isLoopback = isLoopbackHost(host);
  assertModels(models);
  if (token !== null && token.length < shortestToken) {
    throw new OptionError({
      option: 'token',
      expected: `at least ${shortestToken} characters`,
      received: token.length,
    });
  }
  if (!isLoopback && token === null) {
    throw new OptionError({
      option: 'token',
      expected: 'a token',
      received: undefined,
      problem: `: ${host} can be reached from other machines, so that a token is needed.`,
    });
  }
  const cores = availableCores();
  const workers = whole('workers', options.workers ?? Math.min(2, cores), 1, 64);
  const threads = whole('threads', options.threads ?? Math.max(1, Math.floor(cores / workers)), 1, 256);
  return {
    models,
    host,
    token,
    isLoopback,
    workers,
    threads,
    port: whole('port', options.port ?? servePort, 0, 65_535),
    // Workers of one thread decode most images themselves.
    decoders: whole('decoders', options.decoders ?? (threads === 1 ? 1 : Math.min(cores, 8)), 1, 64),
    maxBatch: whole('maxBatch', options.maxBatch ?? 8, 1, 256),
    maxWait: number('maxWait', options.maxWait ?? 0, 0, 10_000),
    explains: options.explains ?? true,
    allowUrl: options.allowUrl ?? [],
    cors: (options.cors ?? []).map(originOf),
    proxies: options.proxies ?? [],
    watch: options.watch ?? false,
    limits: resolveLimits(options.limits ?? {}, isLoopback),
    log: options.log ?? null,
  };
}

function resolveLimits(limits: ServeLimits, isLoopback: boolean): Required<ServeLimits> {
  const rate = limits.rate === undefined ? (isLoopback ? null : 1200) : limits.rate;
  return {
    bodyBytes: whole('bodyBytes', limits.bodyBytes ?? 10 * 2 ** 20, 1, 2 ** 28),
    pixels: whole('pixels', limits.pixels ?? 50e6, 1, 100e6),
    heldBytes: whole('heldBytes', limits.heldBytes ?? 2 ** 28, 1, 2 ** 34),
    rate: rate === null ? null : whole('rate', rate, 1, 1e6),
    concurrency: whole('concurrency', limits.concurrency ?? 32, 1, 4096),
    queue: whole('queue', limits.queue ?? 256, 0, 65_536),
    connections: whole('connections', limits.connections ?? 2048, 1, 65_536),
    headerSeconds: number('headerSeconds', limits.headerSeconds ?? 10, 0.1, 3600),
    receiveSeconds: number('receiveSeconds', limits.receiveSeconds ?? 30, 0.1, 3600),
    answerSeconds: number('answerSeconds', limits.answerSeconds ?? 30, 0.1, 3600),
    stopSeconds: number('stopSeconds', limits.stopSeconds ?? 30, 0.1, 3600),
  };
}

function assertModels(models: ServeOptions['models']): void {
  if (models.length === 0) throw new OptionError({ option: 'models', expected: 'at least one', received: models });
  const names = models.map(({ name }) => name);
  for (const name of names) {
    if (!modelName.test(name)) {
      throw new OptionError({ option: 'models', expected: 'names of letters, digits, ., _ and -', received: name });
    }
  }
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) {
    throw new OptionError({ option: 'models', expected: 'a name for each', received: `${twice} twice` });
  }
}

function originOf(text: string): string {
  if (URL.canParse(text) && new URL(text).origin === text) return text;
  throw new OptionError({ option: 'cors', expected: 'an origin such as https://app.example.com', received: text });
}

function whole(option: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new OptionError({ option, expected: `a whole number from ${least} to ${most}`, received: value });
}

function number(option: string, value: number, least: number, most: number): number {
  if (Number.isFinite(value) && value >= least && value <= most) return value;
  throw new OptionError({ option, expected: `a number from ${least} to ${most}`, received: value });
}
