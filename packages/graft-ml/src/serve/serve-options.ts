import type { NamedModel } from './served-models.ts';

export type { NamedModel } from './served-models.ts';

/** Limits on what clients may do. Every one has a default. */
export interface ServeLimits {
  /** Bytes of a body. Default 10 MiB. */
  readonly bodyBytes?: number | undefined;
  /** Pixels of an image, width times height. Default 50 million. */
  readonly pixels?: number | undefined;
  /** Bytes of bodies that are held at once, of all requests. Default 256 MiB. */
  readonly heldBytes?: number | undefined;
  /** Requests of one client in a minute; null: any number. Default: null on this machine, else 1200. */
  readonly rate?: number | null | undefined;
  /** Requests that are worked at. Default 32. */
  readonly concurrency?: number | undefined;
  /** Requests that wait to be worked at. Beyond, they are answered 503. Default 256. */
  readonly queue?: number | undefined;
  /** Connections. Default 2048. */
  readonly connections?: number | undefined;
  /** Seconds until the headers of a request have arrived. Default 10. */
  readonly headerSeconds?: number | undefined;
  /** Seconds until all of a request has arrived. Default 30. */
  readonly receiveSeconds?: number | undefined;
  /** Seconds until an answer is ready, from when the request has arrived. Default 30. */
  readonly answerSeconds?: number | undefined;
  /** Seconds that stopping waits for requests. Default 30. */
  readonly stopSeconds?: number | undefined;
}

/** Where the structured log goes. */
export interface ServeLog {
  /** Default `info`. */
  readonly level?: 'debug' | 'info' | 'warn' | 'error' | undefined;
  /** Takes the lines, one JSON object each. Default: stderr. */
  readonly stream?: { write(line: string): void } | undefined;
}

export interface ServeOptions {
  /** The models by name. The first one is that of `/predict`. */
  readonly models: readonly NamedModel[];
  /** Default 127.0.0.1: this machine alone. Any other needs a token. */
  readonly host?: string | undefined;
  /** Default 47240; 0: any free one. */
  readonly port?: number | undefined;
  /** Requests must carry it: `Authorization: Bearer TOKEN`. At least 16 characters. */
  readonly token?: string | undefined;
  /** Processes that run each model. Default: 2, on a machine of one core 1. */
  readonly workers?: number | undefined;
  /** Threads of each of them; with one, they decode images themselves. Default: the cores divided among the workers. */
  readonly threads?: number | undefined;
  /** Processes that decode images. Default: one for each core, at most 8; 1 where workers have one thread. */
  readonly decoders?: number | undefined;
  /** The most images in a batch. Default 8. */
  readonly maxBatch?: number | undefined;
  /** Milliseconds that an image waits for others while a worker is free. Default 0. */
  readonly maxWait?: number | undefined;
  /** Whether runs can be explained by Grad-CAM, which takes memory and a longer start. Default true. */
  readonly explains?: boolean | undefined;
  /** Hosts from which images may be fetched, each perhaps with its port. Default: none. */
  readonly allowUrl?: readonly string[] | undefined;
  /** Origins of pages that may ask, such as `https://app.example.com`. Default: none. */
  readonly cors?: readonly string[] | undefined;
  /** Addresses of proxies whose `X-Forwarded-For` is believed. Default: none. */
  readonly proxies?: readonly string[] | undefined;
  /** Whether models are reloaded when their files change. Default false. */
  readonly watch?: boolean | undefined;
  readonly limits?: ServeLimits | undefined;
  /** The log; null: none. Default null. */
  readonly log?: ServeLog | null | undefined;
}
