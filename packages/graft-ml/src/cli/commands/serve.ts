import { basename, extname, resolve } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { ModelServer, ServeOptions } from '../../serve/index.ts';
import { defineCommand } from '../command.ts';
import { endedOrHangUp } from '../interrupt.ts';
import { type ServeFlags, serveTable } from '../options/serve.ts';
import type { Line } from '../show/styled.ts';

/** The longest token file, in bytes. */
const longestToken = 10_000;

export const serveCommand = defineCommand({
  ...serveTable,
  goesOnUnread: () => true,
  async run({ positionals, options, terminal }) {
    const models = positionals.map(namedModel);
    const token = await tokenOf(options.tokenFile);
    const { serveModels } = await import('../../serve/index.ts');
    if (!terminal.json) terminal.note(`Opening ${models.map(({ name }) => name).join(', ')} …`);
    const server = await serveModels({ models, token, ...serveOptions(options) });
    const json = { address: server.address, host: server.host, port: server.port, models: server.models };
    // One line, so that whoever started it knows when it has all of it.
    terminal.printJson(json, { indent: 0 });
    for (const line of bannerOf(server, token !== undefined)) terminal.print(line);
    await endedOrHangUp(() => {
      // What came of it is in the log.
      void server.reload().catch((error: Error) => terminal.note(error.message));
    });
    await server.close();
  },
});

/** `NAME=PATH`, or a path whose last part is the name. */
function namedModel(text: string): { readonly name: string; readonly path: string } {
  const [, name, path] = /^([A-Za-z0-9][A-Za-z0-9._-]*)=(.+)$/s.exec(text) ?? [];
  if (name !== undefined && path !== undefined) return { name, path };
  const last = basename(resolve(text));
  const stem = extname(last) === '.onnx' ? last.slice(0, -'.onnx'.length) : last;
  return { name: stem.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '') || 'model', path: text };
}

async function tokenOf(file: string | null): Promise<string | undefined> {
  if (file === null) return process.env.GRAFT_TOKEN || undefined;
  const { readText } = await import('../../files/read.ts');
  const token = (await readText(file, { most: longestToken })).trim();
  if (token === '') throw new UserError(`${file} is empty: it needs a token.`);
  return token;
}

const listed = (text: string | null) => text?.split(',').map((each) => each.trim()) ?? [];

function serveOptions(flags: ServeFlags): Omit<ServeOptions, 'models'> {
  const { logLevel, explain, rate, allowUrl, cors, trustProxy, maxBody, maxHeld, maxPixels, maxQueue } = flags;
  const { host, port, workers, threads, decoders, maxBatch, maxWait, watch } = flags;
  const { concurrency, connections, headerSeconds, receiveSeconds, answerSeconds, stopSeconds } = flags;
  return {
    ...{ host, port, workers, threads, decoders, maxBatch, maxWait, watch, explains: explain },
    ...{ allowUrl: listed(allowUrl), cors: listed(cors), proxies: listed(trustProxy) },
    log: logLevel === 'silent' ? null : { level: logLevel },
    limits: {
      ...{ concurrency, connections, headerSeconds, receiveSeconds, answerSeconds, stopSeconds, queue: maxQueue },
      bodyBytes: Math.round(maxBody * 2 ** 20),
      heldBytes: Math.round(maxHeld * 2 ** 20),
      pixels: Math.round(maxPixels * 1e6),
      ...(rate !== undefined && { rate: rate === 0 ? null : rate }),
    },
  };
}

function bannerOf({ address, models }: ModelServer, hasToken: boolean): Line[] {
  const token = hasToken ? ' -H "Authorization: Bearer $GRAFT_TOKEN"' : '';
  return [
    `Serving ${models.join(', ')} at ${address} until Ctrl-C.`,
    `  curl${token} -F image=@photo.jpg ${address}predict`,
    `  ${address}openapi.json describes all routes, ${address}metrics is for Prometheus.`,
  ];
}
