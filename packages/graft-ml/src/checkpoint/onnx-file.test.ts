import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BinaryWriter, WireType, type BinaryWriter as Writer } from '@bufbuild/protobuf/wire';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { decode } from '@graft-ml/core/internal/graph/index';
import { openOnnxModel } from '@graft-ml/core/models';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../../../test/images.ts';
import { readOnnxFile } from './onnx-file.ts';

const golden = fileURLToPath(new URL('../../../../golden/onnx/', import.meta.url));
const root = temporaryFolder();

describe('what the package onnx wrote with external data', () => {
  // In `one` the tensors of Constant nodes lie outside, too; `many` has a file for each tensor.
  test.each([
    ['one', 'transformer_14'],
    ['many', 'fire_8'],
  ])('%s is the model in one piece', async (name, whole) => {
    const { bytes } = await readOnnxFile(join(golden, 'external', `${name}.onnx`));
    const expected = decode(readFileSync(join(golden, `${whole}.onnx`)));
    const read = decode(bytes);
    expect(read.initializers).toEqual(expected.initializers);
    expect(read.nodes).toEqual(expected.nodes);
    expect(Object.keys(openOnnxModel(bytes).tensors).length).toBeGreaterThan(8);
  });

  test('its bytes alone are called what they are', () => {
    const alone = readFileSync(join(golden, 'external', 'one.onnx'));
    expect(() => openOnnxModel(alone)).toThrow(/lies in another file \(external data\).*readOnnxFile/);
  });

  test('a file of one piece is read as it is', async () => {
    const path = join(golden, 'fire_8.onnx');
    expect((await readOnnxFile(path)).bytes).toEqual(readFileSync(path));
  });

  test.skipIf(process.platform === 'win32')(
    'where the model is a link, its data may lie where that leads',
    async () => {
      const [store, links] = [join(root, 'store'), join(root, 'links')];
      for (const folder of [store, links]) mkdirSync(folder);
      for (const [from, to] of [
        ['one.onnx', 'a1'],
        ['one.data', 'b2'],
      ] as const) {
        cpSync(join(golden, 'external', from), join(store, to));
        symlinkSync(join(store, to), join(links, from));
      }
      const { bytes } = await readOnnxFile(join(links, 'one.onnx'));
      expect(decode(bytes).initializers.size).toBeGreaterThan(8);
    },
  );
});

/** A model of tensors f32 of 4 numbers, which lie elsewhere. */
function externalModel(
  count: number,
  entries: Readonly<Record<string, string>>,
  dims: readonly number[] = [4],
): Uint8Array {
  const graph = new BinaryWriter();
  const entry = (key: string, value: string) => (w: Writer) =>
    w.tag(13, WireType.LengthDelimited).fork().tag(1, 2).string(key).tag(2, 2).string(value).join();
  for (let i = 0; i < count; i++) {
    graph.tag(5, WireType.LengthDelimited).fork();
    for (const dimension of dims) graph.tag(1, WireType.Varint).int64(dimension);
    graph.tag(2, WireType.Varint).int32(1).tag(8, WireType.LengthDelimited).string(`t${i}`);
    for (const [key, value] of Object.entries(entries)) entry(key, value)(graph);
    graph.tag(14, WireType.Varint).int32(1).join();
  }
  return new BinaryWriter().tag(7, WireType.LengthDelimited).bytes(graph.finish()).finish();
}

describe('what would be read that may not be', () => {
  const folder = join(root, 'hostile');
  const refusal = async (bytes: Uint8Array) => {
    const path = join(folder, 'model.onnx');
    writeFileSync(path, bytes);
    return readOnnxFile(path).then(
      () => 'read',
      (error: unknown) => {
        if (error instanceof UserError) return error.message;
        throw error;
      },
    );
  };

  beforeAll(() => {
    mkdirSync(join(folder, 'inside'), { recursive: true });
    writeFileSync(join(folder, 'data'), new Uint8Array(64));
    writeFileSync(join(folder, 'inside', 'data'), new Uint8Array(64));
    writeFileSync(join(root, 'secret'), new Uint8Array(64));
  });

  test.each<[string, Readonly<Record<string, string>>, RegExp]>([
    ['beside it', { location: 'data' }, /^read$/],
    ['in a folder', { location: './inside/data', offset: '48', length: '16' }, /^read$/],
    ['outside', { location: '../secret' }, /must lie in the model's folder/],
    ['outside by a detour', { location: 'inside/../../secret' }, /must lie in the model's folder/],
    ['anywhere', { location: '/etc/passwd' }, /must lie in the model's folder/],
    ['on a drive', { location: 'C:\\secret' }, /must lie in the model's folder/],
    ['nowhere', {}, /"t0" lies in ""; it must lie/],
    [
      'not there',
      { location: 'model.onnx_data' },
      /weights in "model.onnx_data" beside it.*no such file. Copy it there, too/,
    ],
    ['a folder', { location: 'inside' }, /it is a folder/],
    ['behind the end', { location: 'data', offset: '60' }, /bytes 60 to 76 of "data", which has 64.*not whole/],
    ['no number', { location: 'data', offset: '-1' }, /its offset is "-1"/],
    [
      'of another length',
      { location: 'data', length: '12' },
      /needs 16 bytes, and its reference to another file has 12/,
    ],
  ])('%s', async (_name, entries, expected) => {
    expect(await refusal(externalModel(1, entries))).toMatch(expected);
  });

  test.skipIf(process.platform === 'win32')('a link out of the folder, and a FIFO', async () => {
    symlinkSync(join(root, 'secret'), join(folder, 'link'));
    expect(await refusal(externalModel(1, { location: 'link' }))).toMatch(/"link" is a link out of the model's folder/);
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    expect(await refusal(externalModel(1, { location: 'fifo' }))).toMatch(/it is a pipe/);
  });

  test('many tensors of the same bytes', async () => {
    writeFileSync(join(folder, 'shared'), new Uint8Array(4_000_000));
    const bytes = externalModel(100, { location: 'shared' }, [1_000_000]);
    expect(await refusal(bytes)).toMatch(/share their bytes until they are 400\d+ bytes/);
    const beyond = externalModel(1000, { location: 'shared' }, [1_000_000]);
    expect(await refusal(beyond)).toMatch(/has 4000\d+ bytes with its external data, at most 2147483647/);
  });
});
