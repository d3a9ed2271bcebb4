/*
 * What the peers of `npm run bench` in JavaScript have in common: reading what all sides start from, and taking turns. They
 * are installed in a folder of their own, which the request names: none of them is a dependency of Graft.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const arrays = { F32: Float32Array, U8: Uint8Array, I64: BigInt64Array };

export const request = JSON.parse(process.argv[2]);

/** A package from the folder of the peers. */
export function load(name) {
  const from = createRequire(join(request.modules, 'package.json'));
  return import(pathToFileURL(from.resolve(name)).href);
}

/** The version of a package from that folder. */
export function versionOf(name) {
  return JSON.parse(readFileSync(join(request.modules, 'node_modules', name, 'package.json'), 'utf8')).version;
}

/** The tensors that both sides start from, by name: `{ shape, data }`. */
export function startingTensors() {
  const bytes = readFileSync(join(request.folder, 'start.safetensors'));
  const headerSize = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerSize));
  const body = bytes.subarray(8 + headerSize);
  const entries = Object.entries(header).filter(([name]) => name !== '__metadata__');
  return Object.fromEntries(
    entries.map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [start, end],
        },
      ]) => [name, { shape, data: new arrays[dtype](Uint8Array.from(body.subarray(start, end)).buffer) }],
    ),
  );
}

/** The images of a part of every task's episode as f32 in [-1, 1], (n, 3, side, side) each, as Graft normalises them. */
export function episodeParts(tensors, part) {
  return Array.from({ length: request.work.tasks }, (_, task) => {
    const { shape, data } = tensors[`batch/${part}/${task}`];
    return { shape, data: Float32Array.from(data, (value) => (value / 255 - 0.5) / 0.5) };
  });
}

/** The labels of an episode with so many images of each class. */
export function labelsOf(each) {
  return Int32Array.from({ length: request.work.way * each }, (_, i) => Math.floor(i / each));
}

/** What is learned of the starting tensors. */
export function learnedNames(tensors) {
  return Object.keys(tensors).filter((name) => /\.(weight|bias)$/.test(name));
}

/** Says what the side is, then takes as many steps as each line asks for, and answers with their times. */
export async function serve(step, check, { setting, versions }) {
  console.log(JSON.stringify({ versions: { node: process.version, ...versions }, check, setting }));
  const processorTime = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  let before = processorTime();
  for await (const line of createInterface({ input: process.stdin })) {
    const begin = processorTime();
    const milliseconds = [];
    for (let i = 0; i < Number(line); i++) {
      const start = performance.now();
      await step();
      milliseconds.push(performance.now() - start);
    }
    const end = processorTime();
    const peak = process.resourceUsage().maxRSS * 1024;
    console.log(JSON.stringify({ milliseconds, processor: end - begin, idle: begin - before, peak }));
    before = end;
  }
}
