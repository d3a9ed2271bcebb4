import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { type RandomStream, randomStream } from '@graft-ml/core/internal/base/random';
import { f32, sizeOf } from '@graft-ml/core/internal/base/tensor';
import { writeSafetensors } from '@graft-ml/core/internal/weights/safetensors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dict, legacyCheckpoint, program, tensorProgram, zipCheckpoint } from '../../../../test/checkpoint.ts';
import type { WeightsFile } from './weights-file.ts';
import { readWeightsFile } from './weights-file.ts';

const golden = (name: string) =>
  readFile(fileURLToPath(new URL(`../../../../golden/checkpoints/${name}`, import.meta.url)));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-fuzz-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** What is read of a file, or nothing where it is refused; any other error fails the test. */
async function read(bytes: Uint8Array, name = 'x.pth'): Promise<WeightsFile | undefined> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  const result = await readWeightsFile(path).catch((error: unknown) => {
    expect(error, error instanceof Error ? error.stack : '').toBeInstanceOf(UserError);
    return undefined;
  });
  for (const { data, shape } of Object.values(result?.tensors ?? {})) expect(data.length).toBe(sizeOf(shape));
  return result;
}

/**
 * A copy with what happens to files: cut off, up to eight bits flipped, a part of it overwritten by another or
 * repeated.
 */
function damaged(sound: Uint8Array, random: RandomStream): Uint8Array {
  const kind = random.uniform();
  if (kind < 0.2) return sound.slice(0, random.integer(sound.length));
  const bytes = sound.slice();
  if (kind < 0.6) {
    for (let i = random.integer(8); i >= 0; i--) bytes[random.integer(bytes.length)]! ^= 1 << random.integer(8);
    return bytes;
  }
  const from = random.integer(bytes.length);
  const part = bytes.slice(from, from + 1 + random.integer(64));
  const to = random.integer(bytes.length - part.length);
  if (kind < 0.8) {
    bytes.set(part, to);
    return bytes;
  }
  return new Uint8Array([...bytes.subarray(0, to), ...part, ...bytes.subarray(to)]);
}

/** Numbers that headers lie with. */
const lies = [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

function lied(sound: Uint8Array, random: RandomStream): Uint8Array {
  const bytes = sound.slice();
  const width = [1, 2, 4][random.integer(3)]!;
  const value = lies[random.integer(lies.length)]!;
  for (let i = random.integer(3); i >= 0; i--) {
    const at = random.integer(bytes.length - width);
    for (let byte = 0; byte < width; byte++) bytes[at + byte] = (value >>> (8 * byte)) & 0xff;
  }
  return bytes;
}

describe('a damaged file gives an error or what was in it', () => {
  const ROUNDS = 400;

  it.each(['2-views-zip.pth', '2-dtypes-protocol5.pth', '1.13-training-zip.pth'])(
    '%s: never another tensor, since every entry has a checksum',
    async (name) => {
      const sound = await golden(name);
      const { tensors } = (await read(sound))!;
      let refused = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const random = randomStream(1, name, round);
        const result = await read((round % 3 === 0 ? lied : damaged)(sound, random));
        if (result) expect(result.tensors, `round ${round}`).toEqual(tensors);
        else refused++;
      }
      expect(refused).toBeGreaterThan(ROUNDS / 2);
    },
  );

  it.each(['2-views-legacy.pth', '1.13-training-legacy.pth', '1.13-dtypes-legacy.pth'])(
    '%s: never a tensor that is not there',
    async (name) => {
      const sound = await golden(name);
      let refused = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const random = randomStream(2, name, round);
        if (!(await read((round % 3 === 0 ? lied : damaged)(sound, random)))) refused++;
      }
      expect(refused).toBeGreaterThan(ROUNDS / 2);
    },
  );

  it('a pickle whose checksum is right', async () => {
    const tensor = tensorProgram({ elements: 6, shape: [2, 3], strides: [3, 1] });
    const pickle = program(dict({ state_dict: dict({ 'module.a': tensor, 'module.b': tensor }), epoch: 'K\x01' }));
    const storage = new Uint8Array(new Float32Array(6).fill(0.5).buffer);
    let refused = 0;
    for (let round = 0; round < 3 * ROUNDS; round++) {
      const random = randomStream(3, 'pickle', round);
      const bytes = (round % 3 === 0 ? lied : damaged)(pickle, random);
      const result = await read(
        round % 2 === 0 ? zipCheckpoint(bytes, { 0: storage }) : legacyCheckpoint(bytes, { 0: [6, storage] }),
      );
      if (!result) refused++;
      else for (const { data } of Object.values(result.tensors)) expect(data.every((x) => x === 0.5)).toBe(true);
    }
    expect(refused).toBeGreaterThan(ROUNDS);
  });

  it('a random program of opcodes', async () => {
    const opcodes = '\x80\x81\x85\x86\x87\x88\x89\x8a\x8c\x8f\x90\x91\x93\x94()}]NKMJXUhqrRQbtdluesaoc012.';
    for (let round = 0; round < 2 * ROUNDS; round++) {
      const random = randomStream(4, 'opcodes', round);
      const parts = Array.from({ length: random.integer(200) }, () => {
        if (random.uniform() < 0.05) return tensorProgram();
        return opcodes[random.integer(opcodes.length)]! + (random.uniform() < 0.2 ? '\x01' : '');
      });
      await read(zipCheckpoint(program(dict({ x: tensorProgram() }), ...parts), { 0: new Uint8Array(8) }));
    }
  });

  it('an index of shards', async () => {
    await writeFile(join(folder, '1.safetensors'), writeSafetensors({ a: f32([1], [1]), b: f32([2], [2, 3]) }));
    const weightMap = { a: '1.safetensors', b: '1.safetensors' };
    const index = new TextEncoder().encode(JSON.stringify({ metadata: { total_size: 12 }, weight_map: weightMap }));
    for (let round = 0; round < ROUNDS; round++) {
      const random = randomStream(5, 'index', round);
      await read((round % 3 === 0 ? lied : damaged)(index, random), 'model.safetensors.index.json');
    }
  });
});
