import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { f32, type Tensor, type Tensors, tensor } from '@graft-ml/core/internal/base/tensor';
import { writeSafetensors } from '@graft-ml/core/internal/weights/safetensors';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSafetensorsFile } from './safetensors-file.ts';
import { readWeightsFile } from './weights-file.ts';

const golden = fileURLToPath(new URL('../../../../golden/checkpoints/', import.meta.url));
const checkpoints = (await readdir(golden)).filter((name) => /^(1\.13|2)-.*\.pth$/.test(name));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-weights-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function messageOf(path: string): Promise<string> {
  const error = await readWeightsFile(path).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  const { message } = error as UserError;
  expect(message).toContain(path);
  return message;
}

/** Writes a file and returns its path. */
async function given(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const bytesOf = ({ data }: Tensor) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Names as PyTorch saved them, to those that are read. */
const currentName = (name: string) => name.replace(/^module\./, '').replace(/\.(norm|conv)\.(\d)\./, '.$1$2.');

describe('a checkpoint that PyTorch wrote', () => {
  it.each(checkpoints)('%s is equal to the last bit', async (file) => {
    const [, version, name, format] = /^([\d.]+)-(\w+)-(\w+)\.pth$/.exec(file)!;
    const { tensors: bytes, metadata } = await readSafetensorsFile(join(golden, 'expected.safetensors'));
    const types: Record<string, [string, number[]]> = JSON.parse(metadata.types!);
    const expected = Object.entries(types).filter(([key]) => key.startsWith(`${name}/`));

    const read = await readWeightsFile(join(golden, file));
    expect(read.format).toBe(format === 'legacy' ? 'pytorch-legacy' : 'pytorch-zip');
    expect(Object.keys(read.tensors)).toEqual(expected.map(([key]) => currentName(key.slice(name!.length + 1))));
    for (const [key, [dtype, shape]] of expected) {
      const value = read.tensors[currentName(key.slice(name!.length + 1))]!;
      expect(value, `${key} by PyTorch ${version}`).toMatchObject({ dtype, shape });
      expect(bytesOf(value), key).toEqual(bytes[key]!.data);
    }
  });

  it('has tensors that share no memory, even where they shared a storage', async () => {
    const { tensors } = await readWeightsFile(join(golden, '2-views-zip.pth'));
    const buffers = Object.values(tensors).map(({ data }) => data.buffer);
    expect(new Set(buffers).size).toBe(buffers.length);
  });

  it('says what was taken, left out and renamed', async () => {
    expect((await readWeightsFile(join(golden, '2-dtypes-zip.pth'))).notes).toEqual([]);
    expect((await readWeightsFile(join(golden, '1.13-training-legacy.pth'))).notes).toEqual([
      'Took the state dict under "state_dict" and left out what is beside it: "epoch", "best_acc1", "history", "args", "optimizer", "shape" and 2 more.',
      'Took "module." off the front of 9 of 9 names.',
    ]);
    expect((await readWeightsFile(join(golden, '2-densenet-zip.pth'))).notes).toEqual([
      'Gave 3 parameters of a DenseNet their names of today: norm.1 is norm1.',
    ]);
  });

  const refusals: [name: string, message: RegExp][] = [
    ['module', /whole model .* torch\.nn\.modules\.container\.Sequential.*torch\.save\(model\.state_dict\(\)/],
    ['nested-module', /whole model .* torch\.nn\.modules\.linear\.Linear.*torch\.save\(model\.state_dict\(\)/],
    ['command', /asks for posix\.system, .* can run programs/],
    ['evaluation', /asks for builtins\.eval, .* can run programs/],
    ['object', /an object of datetime\.date, which is not read/],
    ['complex', /"weight" is complex64, which is not read/],
    ['sparse', /"weight" is a sparse tensor, which is not read/],
    ['quantized', /"weight" is a quantized tensor, which is not read/],
    ['list', /holds a list, expected a state dict/],
    ['networks', /several dicts of tensors: "generator", "discriminator".*\["generator"\]/],
    ['no-tensors', /holds no tensors: "epoch"/],
  ];
  it.each(refusals)('is refused by name: %s', async (name, message) => {
    expect(await messageOf(join(golden, `refused-${name}.pth`))).toMatch(message);
  });
});

describe('what a file is', () => {
  it('is said by its content, not by its name', async () => {
    const weights = writeSafetensors({ x: f32([1], [1.5]) });
    const { tensors, format } = await readWeightsFile(await given('weights.pth', weights));
    expect([format, { ...tensors }]).toEqual(['safetensors', { x: f32([1], [1.5]) }]);
    const zip = await readFile(join(golden, '2-densenet-zip.pth'));
    expect((await readWeightsFile(await given('model.safetensors', zip))).format).toBe('pytorch-zip');
  });

  const tar = new Uint8Array(1024);
  tar.set(Buffer.from('sys_info'));
  tar.set(Buffer.from('ustar'), 257);
  const strangers: [name: string, content: string | Uint8Array, message: RegExp][] = [
    ['empty.pth', '', /is empty\. Download it again/],
    ['lfs.pth', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n', /Git LFS.*git lfs pull/],
    ['page.pth', '\n<!DOCTYPE html><title>404</title>', /web page.*Download the file again/],
    ['error.pth', '{"error": "Repository not found"}', /JSON without a "weight_map"/],
    ['list.json', '[1, 2]', /JSON, but not the index/],
    ['keras.h5', Buffer.from('\x89HDF\r\n\x1a\n        ', 'latin1'), /HDF5, as Keras/],
    ['array.npy', Buffer.from('\x93NUMPY\x01\x00v\x00{', 'latin1'), /a NumPy array/],
    ['old.pth.tar', tar, /tar archive. If PyTorch 0\.1/],
    ['weights.pth.gz', gzipSync('weights'), /gzip. Unpack it/],
    ['model.ckpt.data-00000-of-00001', new Uint8Array(64).fill(7), /TensorFlow checkpoint/],
    ['net.onnx', Buffer.from('\x08\x08\x12\x07pytorch', 'latin1'), /ONNX model\. Pass it as `model`/],
    ['renamed.pth', Buffer.from('\x08\x08\x12\x07pytorch', 'latin1'), /ONNX model\. Pass it as `model`/],
    ['forest.pkl', Buffer.from('\x80\x02csklearn.svm\nSVC\nq\x00)', 'latin1'), /pickle of sklearn\.svm\.SVC/],
    [
      'forest5.pkl',
      Buffer.from('\x80\x04\x95\x1f\0\0\0\0\0\0\0\x8c\x0bsklearn.svm\x94\x8c\x03SVC\x94\x93', 'latin1'),
      /pickle of sklearn\.svm\.SVC/,
    ],
    ['noise.pth', new Uint8Array(64).fill(200), /format is not known\. Expected safetensors/],
    ['cut.safetensors', new Uint8Array(5), /5 bytes are too few for a header/],
  ];
  it.each(strangers)('and it is refused where it is not weights: %s', async (name, content, message) => {
    expect(await messageOf(await given(name, content))).toMatch(message);
  });

  it('and a folder or nothing at all is told so', async () => {
    expect(await messageOf(folder)).toMatch(/is a folder\. Name the file in it/);
    expect(await messageOf(join(folder, 'none.pth'))).toMatch(/there is no such file/);
  });
});

describe('a safetensors file', () => {
  it('gets the names of today, unless it is Graft’s own', async () => {
    const wrapped = { 'module.model.a': f32([1], [1]), 'module.model.module.b': f32([1], [2]) };
    const foreign = await readWeightsFile(await given('a', writeSafetensors(wrapped, { format: 'pt' })));
    expect(Object.keys(foreign.tensors)).toEqual(['a', 'b']);
    expect({ ...foreign.metadata }).toEqual({ format: 'pt' });
    const own = await readWeightsFile(await given('b', writeSafetensors(wrapped, { format: 'graft' })));
    expect(Object.keys(own.tensors)).toEqual(Object.keys(wrapped));
  });

  it('keeps a prefix that not all names have', async () => {
    const names = { 'backbone.a': f32([1], [1]), 'head.b': f32([1], [2]) };
    const { tensors, notes } = await readWeightsFile(await given('a', writeSafetensors(names)));
    expect([Object.keys(tensors).sort(), notes]).toEqual([['backbone.a', 'head.b'], []]);
  });

  it('is refused where two names become one', async () => {
    const path = await given('a', writeSafetensors({ 'module.a': f32([1], [1]), a: f32([1], [2]) }));
    expect(await messageOf(path)).toMatch(/Two tensors are called "a"/);
  });
});

describe('a sharded safetensors file', () => {
  const shard1 = { a: f32([2], [1, 2]), b: tensor('f64', [1], Float64Array.of(0.1)) };
  const shard2 = { c: f32([1], [3]) };

  async function shards(weightMap: Record<string, string>, files: Record<string, Tensors>): Promise<string> {
    for (const [name, tensors] of Object.entries(files)) await given(name, writeSafetensors(tensors));
    const index = { metadata: { total_size: 16 }, weight_map: weightMap };
    return given('model.safetensors.index.json', JSON.stringify(index));
  }

  it('is read whole', async () => {
    const path = await shards(
      { a: '1.safetensors', c: '2.safetensors', b: '1.safetensors' },
      {
        '1.safetensors': shard1,
        '2.safetensors': shard2,
      },
    );
    const { tensors, format, notes } = await readWeightsFile(path);
    expect([format, notes, { ...tensors }]).toEqual(['sharded', ['Read 2 files.'], { ...shard1, ...shard2 }]);
  });

  const faults: [label: string, map: Record<string, string>, files: Record<string, Tensors>, message: RegExp][] = [
    ['a file that is missing', { a: '1', c: '2' }, { 1: { a: shard1.a } }, /"2", which cannot be read .* Download it/],
    ['a tensor that is missing', { a: '1', b: '1', x: '1' }, { 1: shard1 }, /"1" does not have "x"/],
    ['a tensor the index lacks', { a: '1' }, { 1: shard1 }, /"1" has "b", which the index does not/],
    ['a tensor in two files', { a: '1', c: '2' }, { 1: { a: shard1.a }, 2: { ...shard2, a: shard1.a } }, /"2" has "a"/],
    ['a path upwards', { a: '../1' }, {}, /"\.\.\/1"; its files must lie beside it/],
    ['an absolute path', { a: '/etc/passwd' }, {}, /must lie beside it/],
    ['a path of Windows', { a: 'C:\\1' }, {}, /must lie beside it/],
    ['the folder itself', { a: '..' }, {}, /must lie beside it/],
    ['no files', {}, {}, /names 0 files/],
  ];
  it.each(faults)('is refused with %s', async (_, map, files, message) => {
    expect(await messageOf(await shards(map, files))).toMatch(message);
  });

  it('is refused where a link leads out of its folder, or to itself', async () => {
    await mkdir(join(folder, 'elsewhere'));
    await given('elsewhere/1', writeSafetensors(shard1));
    await symlink('elsewhere/1', join(folder, 'link'));
    expect(await messageOf(await shards({ a: 'link', b: 'link' }, {}))).toMatch(/"link" is a link out of/);
    expect(await messageOf(await shards({ a: 'model.safetensors.index.json' }, {}))).toMatch(/safetensors: the header/);
  });

  it('names the file that is damaged', async () => {
    const path = await shards({ c: '2' }, {});
    await given('2', writeSafetensors(shard2).subarray(0, -1));
    expect(await messageOf(path)).toMatch(/"2": safetensors: "c" lies at bytes 0 to 4 of 3/);
  });
});
