import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createSocketServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { WeightsEntry } from '@graft-ml/core/internal/weights/registry/entry';
import { weightsEntries } from '@graft-ml/core/internal/weights/registry/lookup';
import type { Case, Kind, Stage } from '../case.ts';
import { nastyTexts, pick } from '../make/damage.ts';
import { filesBelow } from '../room.ts';
import { safetensors } from './weights.ts';

const MEBIBYTE = 2 ** 20;
const bySize = [...weightsEntries].sort(
  (a, b) => (a.sizeMiB ?? a.parameters / 2 ** 18) - (b.sizeMiB ?? b.parameters / 2 ** 18),
);
/** The smallest file whose checksum is published, and the smallest of which nothing is. */
const known = bySize.find(({ sha256 }) => sha256 !== null)!;
const unknown = bySize.find(({ sha256, url }) => sha256 === null && url.startsWith('https://huggingface.co/'))!;
const lengthOf = ({ sizeMiB, parameters }: WeightsEntry) =>
  sizeMiB === null ? 4 * parameters + 4096 : Math.round(sizeMiB * MEBIBYTE);

/** How a server answers. `other` is an address at another port, `token` must reach nobody there. */
type Answer = (
  request: IncomingMessage,
  response: ServerResponse,
  at: { readonly entry: WeightsEntry; readonly other: string; readonly stage: Stage },
) => void;

interface Server {
  readonly address: string;
  readonly requests: readonly IncomingMessage[];
  close(): void;
}

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    response.on('error', () => {}); // the other side may leave at any time
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const token = 'hf_attackedtoken0123456789';

/**
 * Asks a server for weights. Whatever it says, nothing that is not theirs may be in the cache, and the token stays at
 * home.
 */
const hostile = (
  label: string,
  answer: Answer,
  { entry = known, isHub = false, seconds = 60, isDrawn = false, isWaiting = false } = {},
): Case => ({
  label,
  seconds,
  isDrawn,
  play: async (stage) => {
    const { room, graft, fail } = stage;
    const other = await serve((request, response) => answer(request, response, { entry, other: '', stage }));
    const server = await serve((request, response) =>
      answer(request, response, { entry, other: other.address, stage }),
    );
    try {
      const mirror = isHub ? [] : ['--mirror', server.address];
      const environment = { HF_TOKEN: token, ...(isHub && { HF_ENDPOINT: server.address }) };
      await graft(['models', entry.name, '--download', ...mirror], {
        ends: isWaiting ? [1, 130] : [1],
        environment,
        ...(isWaiting && { kill: { signal: 'SIGINT', after: { milliseconds: 4000 } } }),
      });
      const strangers = [...other.requests, ...(isHub ? [] : server.requests)];
      const leaked = strangers.some(({ headers }) => JSON.stringify(headers).includes(token));
      if (leaked) fail('the token went to another host');
      const kept = filesBelow(join(room.cache)).filter((path) => /\.(safetensors|pth|bin)$/.test(path));
      if (kept.length > 0) fail(`keeps ${kept.map((path) => path.slice(room.cache.length + 1)).join(', ')}`);
    } finally {
      for (const { close } of [server, other]) close();
    }
  },
});

/** Writes zeros until so many are written or nobody reads any more. */
function pour(response: ServerResponse, bytes: number): void {
  const block = Buffer.alloc(MEBIBYTE);
  let left = bytes;
  const more = () => {
    while (left > 0 && !response.destroyed) {
      const piece = block.subarray(0, Math.min(left, block.length));
      left -= piece.length;
      if (!response.write(piece)) {
        response.once('drain', more);
        return;
      }
    }
    response.end();
  };
  more();
}

const redirect =
  (location: (at: Parameters<Answer>[2], request: IncomingMessage) => string): Answer =>
  (request, response, at) =>
    void (at.other === ''
      ? response.writeHead(404).end()
      : response.writeHead(302, { location: location(at, request) }).end());

const answers: Readonly<Record<string, Answer>> = {
  'zeros-of-the-right-length': (_, response, { entry }) => {
    response.writeHead(200, { 'content-length': lengthOf(entry) });
    pour(response, lengthOf(entry));
  },
  'wrong-length': (_, response) => {
    response.writeHead(200, { 'content-length': 1000 });
    pour(response, 1000);
  },
  'length-of-petabytes': (_, response) => {
    response.writeHead(200, { 'content-length': 2 ** 50 });
    pour(response, MEBIBYTE);
  },
  endless: (_, response) => {
    response.writeHead(200);
    pour(response, Number.POSITIVE_INFINITY);
  },
  'endless-error-page': (_, response) => {
    response.writeHead(500, { 'content-type': 'text/html' });
    pour(response, Number.POSITIVE_INFINITY);
  },
  'gzip-bomb': (_, response, { entry }) => {
    const packed = gzipSync(Buffer.alloc(200 * MEBIBYTE));
    response
      .writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length, 'x-length': lengthOf(entry) })
      .end(packed);
  },
  'wrong-range': (_, response, { entry }) => {
    response.writeHead(206, {
      'content-range': `bytes 5-${lengthOf(entry) - 1}/${lengthOf(entry)}`,
      'content-length': lengthOf(entry) - 5,
    });
    pour(response, lengthOf(entry) - 5);
  },
  'range-of-nonsense': (_, response) => response.writeHead(206, { 'content-range': 'bytes */*' }).end('x'),
  'to-file': redirect(({ stage }) => `file://${stage.room.canary}/thesis.txt`),
  'to-other-host': redirect(({ other }, { url }) => `${other}${url}`),
  'to-metadata-service': redirect(() => 'http://127.0.0.1:1/latest/meta-data/'),
  'to-data': redirect(() => 'data:application/octet-stream;base64,AAAA'),
  'to-itself': redirect((_, { url }) => `${url}`),
  'to-nonsense': redirect(() => 'http://[::bad'),
  'status-with-escapes': (_, response) => {
    response.socket?.end('HTTP/1.1 404 \u009b31m\u202eNot\tFound\r\ncontent-length: 0\r\n\r\n');
  },
  'headers-of-megabytes': (_, response) => {
    response.socket?.end(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(2e6)}\r\n\r\n`);
  },
  'not-http': (_, response) => void response.socket?.end('SSH-2.0-OpenSSH_9.6\r\n'),
  'hangs-up': (_, response) => void response.socket?.destroy(),
  'retry-after-nonsense': (_, response) => response.writeHead(429, { 'retry-after': '-1e9' }).end(),
  'etag-with-path': (_, response) => {
    response
      .writeHead(200, { etag: '"../../../canary/thesis.txt"', 'content-length': 3, 'x-linked-etag': '"../../x"' })
      .end('abc');
  },
  'moved-permanently-many-times': (request, response) => {
    const next = Number(/(\d+)$/.exec(request.url ?? '')?.[1] ?? 0) + 1;
    response.writeHead(301, { location: `/hop-${next}` }).end();
  },
};

const drawn: Answer = (request, response, { entry, stage: { stream } }) => {
  const length = pick(stream, [0, 1, lengthOf(entry) - 1, lengthOf(entry), lengthOf(entry) + 1]);
  const kind = stream.integer(4);
  if (kind === 0) response.writeHead(pick(stream, [204, 304, 400, 403, 410, 416, 451, 502])).end('no');
  else if (kind === 1)
    response
      .writeHead(302, {
        location: encodeURI(
          pick(
            stream,
            nastyTexts.filter((text) => !/[\ud800]/.test(text)),
          ),
        ),
      })
      .end();
  else {
    const headers = stream.uniform() < 0.5 ? { 'content-length': length } : {};
    response.writeHead(kind === 2 && request.headers.range ? 206 : 200, headers);
    pour(response, stream.uniform() < 0.5 ? length : stream.integer(length + 1));
  }
};

/** Sockets that say nothing are for a caller with less patience than the command line. */
const stalls: Case = {
  label: 'stalls',
  seconds: 60,
  play: async ({ room, inside }) => {
    const sockets: Socket[] = [];
    const silent = createSocketServer((socket) => {
      socket.on('error', () => {});
      sockets.push(socket);
      if (sockets.length % 2 === 0) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc');
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    await inside('stalled-download', [`http://127.0.0.1:${port}`, room.cache], { ends: [0] });
    for (const socket of sockets) socket.destroy();
    silent.close();
  },
};

/** Nothing is published of these weights but how many there are. */
const withoutChecksum: readonly Case[] = [
  hostile('unknown-zeros', answers['zeros-of-the-right-length']!, { entry: unknown }),
  hostile(
    'unknown-page',
    (_, response, { entry }) => {
      const page = Buffer.alloc(lengthOf(entry), ' ');
      page.write('<!doctype html><title>Sign in</title>');
      response.writeHead(200, { 'content-length': page.length }).end(page);
    },
    { entry: unknown },
  ),
  hostile(
    'unknown-other-weights',
    (_, response, { entry }) => {
      const data = Buffer.alloc(lengthOf(entry) - 200);
      const file = safetensors({ x: { dtype: 'U8', shape: [data.length], data_offsets: [0, data.length] } }, data);
      response.writeHead(200, { 'content-length': file.length }).end(file);
    },
    { entry: unknown },
  ),
];

export const server: Kind = {
  name: 'server',
  cases: [
    ...Object.entries(answers).map(([label, answer]) => hostile(label, answer)),
    ...withoutChecksum,
    hostile('retry-after-a-year', (_, response) => response.writeHead(503, { 'retry-after': '31536000' }).end(), {
      isWaiting: true,
    }),
    hostile(
      'hub-to-other-host',
      redirect(({ other }, { url }) => `${other}${url}`),
      { entry: unknown, isHub: true },
    ),
    stalls,
    hostile('drawn', drawn, { isDrawn: true }),
  ],
};
