import { OptionError } from '../base/errors.ts';
import { assertTensor } from '../base/options.ts';
import { type RandomStream, randomStream } from '../base/random.ts';
import { isTensor, type Tensor, type TensorType, zeros } from '../base/tensor.ts';
import type { Augmentation } from '../image/augment/index.ts';
import type { Preprocessing } from '../models/index.ts';
import { type Batch, inOrder, labelTensor, rowsFrom, type Source, setRow, typeOfRow } from './source.ts';

/** The preprocessing and augmentation with which a model sees images. */
export interface ImageView {
  readonly preprocessing: Preprocessing;
  /** The augmentation, drawn anew for each image in every epoch. Default: none, as in evaluation. */
  readonly augmentation?: Augmentation | undefined;
  /** The seed of the augmentation. Default 0. */
  readonly seed?: number | undefined;
}

/** Images that become batches when a model says how it looks at them: at which size, and how they are cropped. */
export interface ImageSet {
  readonly size: number;
  /** The position of each image's class. */
  readonly labels: readonly number[];
  /** A key of each image's content, under which a cache keeps what frozen layers make of it. Default: nothing is kept. */
  readonly keys?: readonly string[] | undefined;
  /** A name for what decodes them: other decoders may give other pixels. */
  readonly decoder?: string | undefined;
  /** Bytes (n, 3, crop, crop) and labels (n). */
  view(view: ImageView): Source;
}

/** Examples to learn from or to be measured by. */
export type Examples = Source | ImageSet;

/** The examples to train on, and those that judge the model after each epoch. */
export interface FitData {
  readonly train: Examples;
  /** Default: the training examples, without augmentation. */
  readonly validation?: Examples | undefined;
}

/** True for images that a model has yet to view. @throws OptionError for what JavaScript takes for examples */
export function isImageSet(examples: Examples): examples is ImageSet {
  const isObject = typeof examples === 'object' && examples !== null;
  if (isObject && ('view' in examples || 'batches' in examples)) return 'view' in examples;
  const expected = 'a dataset, as tensorDataset makes it (fit takes two: { train, validation })';
  const received = isTensor(examples) ? 'a tensor' : typeof examples;
  throw new OptionError({
    option: 'examples',
    expected,
    received,
    problem: `: expected ${expected}, not ${received}.`,
  });
}

/**
 * Examples as a model takes them. @throws OptionError where they are images, and the model does not say how it looks at
 * them
 */
export function openExamples(
  option: string,
  examples: Examples,
  model: { readonly image: { readonly preprocessing: Preprocessing } | null },
  how: Pick<ImageView, 'augmentation' | 'seed'> = {},
): Source {
  if (!isImageSet(examples)) return examples;
  if (model.image) {
    const { labels } = examples;
    return { ...examples.view({ preprocessing: model.image.preprocessing, ...how }), labels };
  }
  throw new OptionError({
    option,
    expected: 'batches as the network takes them, since it is not known how it looks at images',
    received: `a set of ${examples.size} images`,
    problem:
      ': the network does not say how it looks at images (their size, their crop): give it batches, as ' +
      'tensorDataset makes them.',
  });
}

/**
 * Examples in memory, PyTorch's `TensorDataset`: row i of the inputs belongs to row i of the targets. Plain numbers are
 * labels.
 *
 * @param inputs (n, …)
 * @param targets (n, …): labels are i64 (n), numbers to be predicted f32
 * @throws OptionError where there are not as many of one as of the other
 * @example tensorDataset(f32([3, 2], [0, 1, 2, 3, 4, 5]), [0, 1, 1])
 */
export function tensorDataset(inputs: Tensor, targets: Tensor | readonly number[]): Source {
  assertTensor('inputs', inputs);
  const own = isTensor(targets) ? targets : labelsOf(targets);
  const size = inputs.shape[0] ?? 0;
  if (size === 0 || own.shape[0] !== size) {
    const received = `${own.shape[0] ?? 0} targets of ${size} inputs`;
    throw new OptionError({ option: 'targets', expected: 'one for each input, and at least one', received });
  }
  return {
    size,
    target: typeOfRow(own),
    ...(own.dtype === 'i64' && own.shape.length === 1 && { labels: Array.from(own.data, Number) }),
    async *batches({ batchSize, order, lastBatch }) {
      const count = (lastBatch === 'drop' ? Math.floor : Math.ceil)(order.length / batchSize);
      for (let b = 0; b < count; b++) {
        const chosen = order.slice(b * batchSize, (b + 1) * batchSize);
        yield { inputs: picked(inputs, chosen, batchSize), targets: picked(own, chosen, batchSize) };
      }
    },
  };
}

/** Labels as a tensor i64 (n). @throws OptionError where they are not whole numbers */
function labelsOf(targets: ArrayLike<number>): Tensor {
  const labels = ArrayBuffer.isView(targets) || Array.isArray(targets) ? Array.from<unknown>(targets) : [undefined];
  const wrong = labels.find((label) => !Number.isInteger(label));
  if (labels.every((label) => typeof label === 'number' && Number.isInteger(label))) return labelTensor(targets);
  throw new OptionError({
    option: 'targets',
    expected: 'labels from 0 on, or a tensor: f32([n, 1], numbers) for numbers to be predicted',
    received: wrong,
  });
}

/** The chosen rows of (n, …) as a batch, filled up with the first. */
function picked(rows: Tensor, chosen: readonly number[], batchSize: number): Tensor {
  const batch = zeros(rows.dtype, [batchSize, ...rows.shape.slice(1)]);
  for (let i = 0; i < batchSize; i++) setRow(batch, i, rowsFrom(rows, chosen[i] ?? chosen[0]!, 1).data);
  return batch;
}

/** One example that a generator gives. */
export interface Example {
  /** The network's input, without the batch axis. */
  readonly input: Tensor;
  /** A label, or numbers without the batch axis. */
  readonly target: Tensor | number;
}

export interface GeneratorDatasetOptions {
  /** The examples of an epoch. */
  readonly size: number;
  /** The type of one input, without the batch axis. */
  readonly input: TensorType;
  /** The type of one target, without the batch axis. Default: a label, i64 (). */
  readonly target?: TensorType;
}

/**
 * Examples that a generator makes or reads one by one, PyTorch's `IterableDataset`. It is called anew for every epoch
 * (from 1; 0 is evaluation), and must give at least `size` examples each time; where a run that is resumed must end
 * like one that was not interrupted, the same in the same epoch. Their order is the generator's.
 *
 * @throws UserError while it is read, where an example has another type or there are too few
 * @example generatorDataset((epoch) => readSensor(epoch), { size: 1000, input: { dtype: 'f32', shape: [8] } })
 */
export function generatorDataset(
  generate: (epoch: number) => AsyncIterable<Example> | Iterable<Example>,
  { size, input, target = { dtype: 'i64', shape: [] } }: GeneratorDatasetOptions,
): Source {
  return {
    size,
    target,
    isSequential: true,
    async *batches({ batchSize, order, lastBatch, epoch }) {
      // An epoch that is resumed in its midst begins further on: what comes before it is passed over.
      const [first = 0, wanted] = [order[0], order.length];
      let [seen, filled, taken] = [0, 0, 0];
      let batch = {
        inputs: zeros(input.dtype, [batchSize, ...input.shape]),
        targets: zeros(target.dtype, [batchSize, ...target.shape]),
      };
      for await (const example of generate(epoch)) {
        if (taken === wanted) break;
        if (seen++ < first) continue;
        setRow(batch.inputs, filled, checked('input', example.input, input).data);
        setRow(batch.targets, filled, checked('target', asTensor(example.target), target).data);
        taken++;
        if (++filled < batchSize) continue;
        yield batch;
        filled = 0;
        batch = {
          inputs: zeros(input.dtype, [batchSize, ...input.shape]),
          targets: zeros(target.dtype, [batchSize, ...target.shape]),
        };
      }
      if (taken < wanted) {
        const received = `${seen} in epoch ${epoch}`;
        throw new OptionError({ option: 'size', expected: `a generator of at least ${size} examples`, received });
      }
      if (filled > 0 && lastBatch === 'pad') yield batch;
    },
  };
}

function asTensor(target: Tensor | number): Tensor {
  return typeof target === 'number' ? { ...labelTensor([target]), shape: [] } : target;
}

function checked(what: 'input' | 'target', value: Tensor, type: TensorType): Tensor {
  if (value.dtype === type.dtype && String(value.shape) === String(type.shape)) return value;
  const text = ({ dtype, shape }: TensorType) => `${dtype}[${shape.join(',')}]`;
  throw new OptionError({ option: what, expected: text(type), received: text(value) });
}

/**
 * Divides examples at random, PyTorch's `random_split`: of each hundred, `100 · validation` are for validation. The
 * same seed divides in the same way.
 *
 * @throws OptionError where one side would be empty, or the source cannot be asked for single examples
 */
export function randomSplit(
  source: Source,
  { validation, seed = 0 }: { readonly validation: number; readonly seed?: number },
): { readonly train: Source; readonly validation: Source } {
  const count = Math.round(validation * source.size);
  if (!(count > 0 && count < source.size)) {
    const expected = `a share between 0 and 1 that leaves some of ${source.size} examples on either side`;
    throw new OptionError({ option: 'validation', expected, received: validation });
  }
  if (source.isSequential) {
    const received = 'examples of a generator';
    throw new OptionError({ option: 'source', expected: 'examples that can be taken one by one', received });
  }
  const order = randomStream(seed, 'split').shuffle(inOrder(source.size));
  return { train: subset(source, order.slice(count)), validation: subset(source, order.slice(0, count)) };
}

/** Some of a source's examples, PyTorch's `Subset`. */
export function subset(source: Source, indices: readonly number[]): Source {
  const { labels } = source;
  return {
    size: indices.length,
    target: source.target,
    ...(labels && { labels: indices.map((index) => labels[index]!) }),
    batches: (request) => source.batches({ ...request, order: request.order.map((index) => indices[index]!) }),
  };
}

/** The context of a transform's call. */
export interface TransformContext {
  /** The epoch, from 1. */
  readonly epoch: number;
  /** Addressed by the epoch and the examples of the batch: a run that is resumed draws the same. */
  readonly random: RandomStream;
}

/** Changes a batch of training examples, in every epoch anew. Types and shapes stay as they are. */
export type Transform = (batch: Batch, context: TransformContext) => Batch | Promise<Batch>;

/** A source whose batches are transformed. */
export function transformed(source: Source, transform: Transform, seed: number): Source {
  return {
    ...source,
    async *batches(request) {
      const { batchSize, order, epoch } = request;
      let start = 0;
      // What a transform keeps of a batch is its own affair.
      for await (const batch of source.batches({ ...request, reusesInputs: false })) {
        const random = randomStream(seed, 'transform', epoch, ...order.slice(start, start + batchSize));
        start += batchSize;
        yield await transform(batch, { epoch, random });
      }
    },
  };
}
