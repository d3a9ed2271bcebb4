import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { type RandomStream, randomStream } from '@graft-ml/core/internal/base/random';
import { csv, jsonLines, tensorBoard } from '@graft-ml/core/internal/fit/loggers/index';
import { decode } from '@graft-ml/core/internal/graph/index';
import { openOnnxModel } from '@graft-ml/core/internal/models/onnx/open';
import { readSafetensors } from '@graft-ml/core/internal/weights/safetensors';
import { readWeightsFile } from 'graft-ml/internal/checkpoint/weights-file';
import { openDataset } from 'graft-ml/internal/data/dataset';
import { decodeImage } from 'graft-ml/internal/data/decode';
import { augment } from 'graft-ml/internal/text/augmentation';
import { parseConfigText } from 'graft-ml/internal/text/config-text';
import { split } from 'graft-ml/internal/text/split';
import { tarOf, zipOf } from '../../test/archives.ts';
import { dict, legacyCheckpoint, program, tensorProgram, zipCheckpoint } from '../../test/checkpoint.ts';
import { damaged, pick } from '../make/damage.ts';
import { classNames, drawImage } from '../stock.ts';

/**
 * Mutants of what a reader reads, many in one process: `mutants <reader> <seed> <first> <count> <folder> <stock>`. Each
 * has to be read or refused by a sentence; anything else is written to stdout, and the status is 1.
 */
interface Reader {
  /** Sound files; each is mutated in turn. */
  readonly samples: readonly Uint8Array[];
  read(bytes: Uint8Array, folder: string): unknown;
}

const [name, seed, first, count, folder, stock] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
];
const text = (...samples: readonly string[]) => samples.map((sample) => Buffer.from(sample));
const stocked = (path: string) => readFileSync(join(stock, path));

const floats = new Uint8Array(Float32Array.of(1.5, 2.5).buffer);
const pickle = program(dict({ x: tensorProgram(), 'layer.weight': tensorProgram({ shape: [1, 2], strides: [2, 1] }) }));
const images = classNames.flatMap((label, look) =>
  [0, 1].map((i) => ({ name: `${label}/${i}.png`, bytes: drawImage(look, i, 16) })),
);

function inFile(file: string, use: (path: string) => unknown): Reader['read'] {
  return (bytes, to) => {
    const path = join(to, file);
    writeFileSync(path, bytes);
    return use(path);
  };
}

const readers: Readonly<Record<string, () => Reader>> = {
  weights: () => ({
    samples: [
      stocked('run/best.safetensors'),
      zipCheckpoint(pickle, { 0: floats }),
      legacyCheckpoint(pickle, { 0: [2, floats] }),
      pickle,
      ...text('{"metadata": {"total_size": 8}, "weight_map": {"x": "weights"}}'),
    ],
    read: inFile('weights', readWeightsFile),
  }),
  safetensors: () => ({ samples: [stocked('run/last.safetensors')], read: readSafetensors }),
  onnx: () => ({ samples: [stocked('run.onnx')], read: decode }),
  'onnx-model': () => ({
    samples: [stocked('run.onnx')],
    read: (bytes) => openOnnxModel(bytes),
  }),
  image: () => ({ samples: [drawImage(0, 0), drawImage(1, 1, 64)], read: (bytes) => decodeImage(bytes, 'x.png') }),
  zip: () => ({
    samples: [zipOf(images), zipOf(images.map((file) => ({ ...file, deflate: true })))],
    read: inFile('x.zip', (path) => openDataset(path)),
  }),
  tar: () => ({ samples: [tarOf(images)], read: inFile('x.tar', (path) => openDataset(path)) }),
  config: () => ({
    samples: text(
      '# options\noptimisation:\n  learningRate: 0.01\n  optimizer: adamw\ndata:\n  seed: 3\n',
      '{"epochs": 3, "rates": "head=1"}',
    ),
    read: (bytes) => parseConfigText(Buffer.from(bytes).toString('latin1'), 'x.yaml'),
  }),
  words: () => ({
    samples: text(
      'crop=0.35:1,flip=0.5,rotate=10,jitter=0.4:0.4:0.4:0.1,randaugment=2:9',
      'strong,blur',
      '60/20/20%',
      'Futurama:16/5/5',
      '1100/100/423',
    ),
    read: (bytes) => {
      const written = Buffer.from(bytes).toString('utf8');
      return /\d\/|:\d+\//.test(written) ? split.parse(written) : augment.parse(written);
    },
  }),
  logs: () => ({
    samples: [stocked('run/metrics.jsonl'), stocked('run/metrics.csv')],
    read: (bytes) => {
      for (const format of [jsonLines, csv, tensorBoard('attack', () => 0)]) {
        const length = format.lengthUntil(bytes, { epoch: 3, step: 1 });
        if (!(length >= 0 && length <= bytes.length))
          throw new Error(`${format.name}: ${length} of ${bytes.length} bytes`);
      }
    },
  }),
};

/** A text is mutated by what texts are made of, too. */
function mutant(sample: Uint8Array, stream: RandomStream): Uint8Array {
  const bytes = damaged(sample, stream);
  return stream.uniform() < 0.1 ? damaged(bytes, stream) : bytes;
}

const { samples, read } = readers[name]!();
for (let i = Number(first); i < Number(first) + Number(count); i++) {
  const stream = randomStream(Number(seed), 'mutant', name, i);
  try {
    await read(mutant(pick(stream, samples), stream), folder);
  } catch (error) {
    if (error instanceof UserError) continue;
    const words =
      error instanceof Error ? (error.stack ?? error.message).split('\n').slice(0, 3).join(' | ') : String(error);
    process.stdout.write(`${name} mutant ${i}: ${words.replaceAll(/[^ -~]/g, '?')}\n`);
    process.exitCode = 1;
  }
}
