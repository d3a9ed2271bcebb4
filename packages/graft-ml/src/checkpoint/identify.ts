import { UserError } from '@graft-ml/core/internal/base/errors';
import { quote } from '@graft-ml/core/internal/base/quote';
import { isOnnx } from '@graft-ml/core/internal/models/names';
import { legacyMagic } from './pytorch/legacy-format.ts';

export type FileKind = 'safetensors' | 'index' | 'pytorch-zip' | 'pytorch-legacy';

/** The number of bytes of a file that `identify` needs. */
export const identifyingBytes = 1024;

const expected =
  'Expected safetensors, the index of a sharded safetensors file, or a state dict that PyTorch saved (.pth, .pt, ' +
  '.bin).';
const torchLoad = 'torch.load(path, weights_only=False)';

/**
 * Files that are mistaken for weights, by a test of their first bytes (a character each), and what to do with them. The
 * first that fits is it.
 */
const strangers: readonly (readonly [test: (head: string) => boolean, what: string])[] = [
  [
    (head) => head.startsWith('version https://git-lfs'),
    'It is a pointer of Git LFS, not the file it stands for. Fetch that with "git lfs pull", or download it from ' +
      'its page.',
  ],
  [
    (head) => /^\s*<(!doctype|html|head|\?xml)/i.test(head),
    'It is a web page, perhaps one with an error. Download the file again.',
  ],
  [(head) => head.startsWith('\x89HDF\r\n'), 'It is HDF5, as Keras writes it, and that is not read.'],
  [
    (head) => head.startsWith('\x93NUMPY'),
    'It is a NumPy array. In Python, save named arrays with safetensors.numpy.save_file.',
  ],
  [(head) => head.startsWith('GGUF'), 'It is GGUF, and that is not read.'],
  [(head) => head.startsWith('TFL3', 4), 'It is a TensorFlow Lite model, and that is not read.'],
  [(head) => head.startsWith('\x1f\x8b'), 'It is compressed with gzip. Unpack it first.'],
  [
    (head) => head.startsWith('BZh') || head.startsWith('\xfd7zXZ') || head.startsWith('7z\xbc\xaf'),
    'It is a compressed archive. Unpack it first.',
  ],
  [
    (head) => head.startsWith('ustar', 257),
    `It is a tar archive. If PyTorch 0.1 wrote it, save it again in Python: torch.save(${torchLoad}, 'weights.pth'). ` +
      'Otherwise unpack it first.',
  ],
  [startsLikeOnnx, 'It is an ONNX model. Pass it as `model`.'],
  [(head) => /^\s*\[/.test(head), 'It is JSON, but not the index of a sharded safetensors file.'],
];

/**
 * Identifies a weights file by its first bytes; its name helps only where they say nothing. @throws UserError that says
 * what the file is instead, and what to do
 */
export function identify(bytes: Uint8Array, { size, path }: { size: number; path: string }): FileKind {
  if (size === 0) throw new UserError('It is empty. Download it again.');
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  if (head.startsWith('PK\x03\x04') || head.startsWith('PK\x05\x06')) return 'pytorch-zip';
  if (legacyMagic.every((byte, i) => bytes[i] === byte)) return 'pytorch-legacy';
  if (startsLikeSafetensors(bytes, size)) return 'safetensors';
  if (/^\s*\{/.test(head)) return 'index';
  const stranger = strangers.find(([test]) => test(head));
  if (stranger) throw new UserError(stranger[1]);
  if (/\.safetensors$/i.test(path)) return 'safetensors';
  if (isOnnx(path)) throw new UserError('Its name is that of an ONNX model. Pass it as `model`.');
  if (/\.(data-\d+-of-\d+|index|meta|pb|ckpt)$/i.test(path)) {
    throw new UserError(`It seems to belong to a TensorFlow checkpoint, and that is not read. ${expected}`);
  }
  if (bytes[0] === 0x80 && bytes[1]! <= 5) {
    throw new UserError(`It is a Python pickle${globalIn(head)}, but not one that torch.save wrote. ${expected}`);
  }
  throw new UserError(`Its format is not known. ${expected}`);
}

/** A header length that fits into the file, and a header that begins as JSON does. */
function startsLikeSafetensors(bytes: Uint8Array, size: number): boolean {
  if (bytes.length < 10) return false;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  return bytes[8] === 0x7b && length <= BigInt(size);
}

/**
 * Field 1 of the protocol buffer, the version, as a small number, and the tag of another of the model's first fields.
 */
function startsLikeOnnx(head: string): boolean {
  const [tag, version, next] = [0, 1, 2].map((i) => head.charCodeAt(i));
  return tag === 0x08 && version! <= 0x20 && '\x12\x1a\x22\x2a\x3a\x42'.includes(String.fromCharCode(next!));
}

/** The first class or function that a pickle names: ` of sklearn.svm._classes.SVC`. */
function globalIn(pickle: string): string {
  const lines = /c([\w.]+)\n(\w+)\n/.exec(pickle);
  const [, module, name] = lines ?? /\x8c.([\w.]+)\x94\x8c.(\w+)\x94\x93/s.exec(pickle) ?? [];
  return module ? ` of ${quote(`${module}.${name}`).slice(1, -1)}` : '';
}
