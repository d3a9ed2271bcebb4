/*
 * Attacks on Graft's server while ordinary clients ask it: what they notice, and what it takes of memory.
 *   npm run build && node dist/bench/serve-attack.js RUN IMAGES [--seconds 6] [--rounds 2]
 * RUN is a run, IMAGES a folder of JPEG files for the ordinary clients. All attacks come again in every round: memory that
 * a process keeps for its next work is taken once, what leaks is taken in each. Results: bench/results/serve-attack.json
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { type Contender, commandOf, familyOf, memoryOf, residentOf, startGraft } from './serve-contenders.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '6' },
    rounds: { type: 'string', default: '2' },
    out: { type: 'string', default: 'bench/results/serve-attack.json' },
  },
});
const [run = '', folder = ''] = positionals;
if (run === '' || folder === '') throw new Error('It needs a run and a folder of images.');
const seconds = Number(values.seconds);
const photos = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.jpe?g$/i.test(name))
  .slice(0, 40)
  .map((name) => readFileSync(join(folder, name)));

/** Attacks come from another address of this machine, so that the server can tell the clients apart. */
const attacker = '127.0.0.2';

/** Counts answers by their status, and what was no answer. */
type Counts = Record<string, number>;

interface Target {
  readonly port: number;
  readonly pid: number;
  /** Whether the time is over. */
  isOver(): boolean;
  count(what: string | number): void;
}

function send(
  port: number,
  body: Buffer,
  headers: Record<string, string | string[]>,
  path = '/predict',
  agent?: Agent,
) {
  return new Promise<number | string>((resolve) => {
    const asked = request(
      {
        host: '127.0.0.1',
        localAddress: agent === undefined ? attacker : undefined,
        port,
        path,
        method: 'POST',
        headers,
        agent,
        timeout: 60_000,
      },
      (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0));
      },
    );
    asked.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    asked.end(body);
  });
}

/** Sends bodies in turn on several connections. */
async function flood(
  target: Target,
  parallel: number,
  bodies: readonly (readonly [Buffer, string, string?])[],
): Promise<void> {
  const client = async (first: number) => {
    for (let i = first; !target.isOver(); i++) {
      const [body, type, path] = bodies[i % bodies.length]!;
      target.count(await send(target.port, body, { 'content-type': type }, path));
    }
  };
  await Promise.all(Array.from({ length: parallel }, (_, i) => client(i)));
}

/** Opens connections, which write their first bytes and then more every so often. */
async function drip(target: Target, many: number, first: string, more: string, every: number): Promise<void> {
  const sockets: Socket[] = [];
  for (let i = 0; i < many; i++) {
    const socket = connect({ port: target.port, host: '127.0.0.1', localAddress: attacker }, () => socket.write(first));
    socket.on('error', () => target.count('cut'));
    socket.on('data', (chunk) => target.count(/^HTTP\/1\.1 (\d+)/.exec(String(chunk))?.[1] ?? 'data'));
    sockets.push(socket);
  }
  while (!target.isOver()) {
    await delay(every);
    for (const socket of sockets) if (socket.writable) socket.write(more);
  }
  target.count(`open at the end: ${sockets.filter((socket) => !socket.destroyed).length}`);
  for (const socket of sockets) socket.destroy();
}

/** A PNG of equal pixels: a bit each, so that a thousand of them are a byte of the file. */
function flatPng(width: number, height: number, { depth = 1, colour = 0 } = {}): Buffer {
  const chunk = (name: string, data: Buffer) => {
    const content = Buffer.concat([Buffer.from(name), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(content));
    return Buffer.concat([length, content, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colour, 0, 0, 0], 8);
  const channels = colour === 2 ? 3 : 1;
  const rows = Buffer.alloc((1 + Math.ceil((width * depth * channels) / 8)) * Math.min(height, 20_000));
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    // A gigabyte of text in a megabyte.
    chunk('zTXt', Buffer.concat([Buffer.from('a\0\0'), deflateSync(Buffer.alloc(2 ** 28))])),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

const form = 'multipart/form-data; boundary=x';
const formBody = (text: string) => Buffer.from(text.replaceAll('\n', '\r\n'));
const json = 'application/json';
const noise = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * 7919) % 256));
const head = 'POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\n';

interface Attack {
  readonly name: string;
  run(target: Target): Promise<void>;
}

async function attacks(): Promise<readonly Attack[]> {
  const bomb = flatPng(30_000, 30_000);
  const large = flatPng(7000, 7000);
  const webp = await sharp({ create: { width: 9000, height: 9000, channels: 3, background: '#fff' } })
    .webp()
    .toBuffer();
  const jpeg = await sharp({ create: { width: 6000, height: 6000, channels: 3, background: '#888' } })
    .jpeg()
    .toBuffer();
  const avif = await sharp({ create: { width: 4000, height: 4000, channels: 3, background: '#888' } })
    .avif({ effort: 0 })
    .toBuffer();
  const half = photos[0]!.subarray(0, photos[0]!.length / 2);
  return [
    { name: 'nothing', run: () => delay(1000 * seconds) },
    {
      name: 'bad bodies: noise, half images, broken forms, base64 and JSON, 32 at once',
      run: (target) =>
        flood(target, 32, [
          [noise, 'image/jpeg'],
          [half, 'image/jpeg'],
          [Buffer.from('{"image":"$$$$"}'), json],
          [Buffer.from('{"image":"'), json],
          [Buffer.from('['.repeat(1_000_000)), json],
          [Buffer.from(`{"image":"${'A'.repeat(3_000_000)}"}`), json],
          [formBody('--x\nContent-Disposition: form-data; name="a"; filename="a"\n\nno end'), form],
          [formBody('nonsense'), form],
          [formBody(`--x\nContent-Disposition: form-data; name="${'n'.repeat(100_000)}"\n\n1\n--x--\n`), form],
          [
            Buffer.from(
              `{"inputs":[{"name":"pixels","shape":[1,3,224,224],"datatype":"UINT8","data":[${'1,'.repeat(1e6)}1]}]}`,
            ),
            json,
            '/v2/models/model/infer',
          ],
        ]),
    },
    {
      name: 'huge bodies: a gigabyte announced, 20 MB sent, chunks without an end, 16 at once',
      run: async (target) => {
        const big = Buffer.alloc(20e6);
        await Promise.all([
          flood(target, 8, [
            [big, 'image/jpeg'],
            [big, json],
            [formBody(`--x\nContent-Disposition: form-data; name="a"; filename="a"\n\n${'y'.repeat(2e7)}`), form],
          ]),
          drip(target, 4, `${head}Content-Length: 1000000000\r\n\r\n`, 'x'.repeat(100_000), 50),
          drip(
            target,
            4,
            `${head}Transfer-Encoding: chunked\r\n\r\n`,
            `${(100_000).toString(16)}\r\n${'x'.repeat(100_000)}\r\n`,
            50,
          ),
        ]);
      },
    },
    {
      name: 'decompression bombs: 900 and 49 megapixels in kilobytes, text of 256 MB, large WebP, JPEG and AVIF, 16 at once',
      run: (target) =>
        flood(target, 16, [
          [bomb, 'image/png'],
          [large, 'image/png'],
          [webp, 'image/webp'],
          [jpeg, 'image/jpeg'],
          [avif, 'image/avif'],
          [Buffer.from(deflateSync(Buffer.alloc(1e8))), 'image/png'],
        ]),
    },
    {
      name: 'slow headers: 500 connections, a byte a second',
      run: (target) => drip(target, 500, 'POST /predict HTTP/1.1\r\nX: ', 'x', 1000),
    },
    {
      name: 'slow bodies: 500 connections, a byte a second',
      run: (target) => drip(target, 500, `${head}Content-Length: 9000\r\n\r\n`, 'x', 1000),
    },
    { name: 'a thousand connections that say nothing', run: (target) => drip(target, 1000, '', '', 1000) },
    {
      name: 'a thousand connections that ask at once',
      run: async (target) => {
        const agent = new Agent({ keepAlive: true, maxSockets: 1000, localAddress: attacker });
        while (!target.isOver()) {
          const all = Array.from({ length: 1000 }, (_, i) =>
            send(target.port, photos[i % photos.length]!, { 'content-type': 'image/jpeg' }, '/predict', agent),
          );
          for (const answer of await Promise.all(all)) target.count(answer);
        }
        agent.destroy();
      },
    },
    {
      name: 'header floods: 20 kB of headers, 3000 of them, 32 at once',
      run: async (target) => {
        const client = async (i: number) => {
          while (!target.isOver()) {
            const headers: Record<string, string | string[]> =
              i % 2 === 0 ? { 'x-large': 'x'.repeat(20_000) } : { 'x-many': Array.from({ length: 3000 }, () => 'a') };
            target.count(await send(target.port, Buffer.alloc(0), headers));
          }
        };
        await Promise.all(Array.from({ length: 32 }, (_, i) => client(i)));
      },
    },
    {
      name: 'a worker and a decoder killed every second',
      run: async (target) => {
        while (!target.isOver()) {
          for (const program of ['inference-main', 'decode-main']) {
            const found = familyOf(target.pid).filter((pid) => commandOf(pid).includes(program));
            if (found.length === 0) continue;
            process.kill(found[Math.floor(Math.random() * found.length)]!, 'SIGKILL');
            target.count(`killed ${program}`);
          }
          await delay(1000);
        }
      },
    },
  ];
}

/** Four clients that ask ten times a second each, until it is over: the milliseconds of each answer. */
async function ordinary(port: number, isOver: () => boolean) {
  const [times, failed]: [number[], Counts] = [[], {}];
  const client = async (first: number) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = first; !isOver(); i++) {
      const start = performance.now();
      const answer = await send(port, photos[i % photos.length]!, { 'content-type': 'image/jpeg' }, '/predict', agent);
      if (answer === 200) times.push(performance.now() - start);
      else failed[answer] = (failed[answer] ?? 0) + 1;
      await delay(100);
    }
    agent.destroy();
  };
  await Promise.all([0, 7, 14, 21].map(client));
  times.sort((a, b) => a - b);
  const at = (share: number) => Math.round(10 * (times[Math.floor(share * (times.length - 1))] ?? Number.NaN)) / 10;
  return { answers: times.length, failed, p50: at(0.5), p99: at(0.99) };
}

const megabytes = (bytes: number) => Math.round(bytes / 1e6);

/** The name of the file that a process of Node's runs. */
const programOf = (pid: number) => /([\w-]+)\.m?js/.exec(commandOf(pid))?.[1] ?? 'unknown';

async function measure({ name, run: attack }: Attack, { url, child }: Contender) {
  const pid = child.pid!;
  const port = Number(new URL(url).port);
  const end = performance.now() + 1000 * seconds;
  const isOver = () => performance.now() > end;
  const counts: Counts = {};
  const before = memoryOf(pid);
  let most = before;
  const watch = setInterval(() => (most = Math.max(most, memoryOf(pid))), 200);
  const target = { port, pid, isOver, count: (what: string | number) => (counts[what] = (counts[what] ?? 0) + 1) };
  const [others] = await Promise.all([ordinary(port, isOver), attack(target)]);
  await delay(3000);
  clearInterval(watch);
  const memory = {
    ...{ before: megabytes(before), most: megabytes(most), after: megabytes(memoryOf(pid)) },
    processes: familyOf(pid).map((each) => ({ program: programOf(each), megabytes: megabytes(residentOf(each)) })),
  };
  console.log(
    `| ${name} | ${JSON.stringify(counts).replace(/["{}]/g, '')} | ${others.answers}, failed ${JSON.stringify(others.failed)} | ` +
      `${others.p50} | ${others.p99} | ${memory.before} | ${memory.most} | ${memory.after} |`,
  );
  return { name, counts, others, memory, load: loadavg()[0] };
}

console.log(
  '| attack | its answers | of the others | p50 ms | p99 ms | MB before | most | after |\n|---|---|---|--:|--:|--:|--:|--:|',
);
const server = await startGraft('Graft', run);
const results = [];
try {
  const all = await attacks();
  await measure(all[0]!, server); // the first seconds are slower
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const attack of all) results.push({ round, ...(await measure(attack, server)) });
  }
  results.push({ round: Number(values.rounds) + 1, ...(await measure(all[0]!, server)) });
  const health = await fetch(`${server.url}/health/ready`);
  if (!health.ok) throw new Error('The server is not ready after the attacks.');
} finally {
  await server.close();
}
const machine = { processor: cpus()[0]?.model, cores: availableParallelism(), node: process.version };
writeFileSync(values.out, `${JSON.stringify({ machine, seconds, results }, null, 1)}\n`);
console.log(`The results are in ${values.out}.`);
