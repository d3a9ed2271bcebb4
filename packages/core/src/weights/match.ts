import { UserError } from '../base/errors.ts';
import { type DType, formatType, type Shape, type Tensor, type Tensors, tensor } from '../base/tensor.ts';
import { otherNetwork } from '../models/index.ts';

/** A parameter or buffer that a model has. */
export interface ExpectedTensor {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: DType;
}

export interface MatchOptions {
  /** Names that are not loaded and not compared: the model keeps its own, the file's are left alone. */
  readonly skip?: RegExp | undefined;
  /** The source of the tensors, for the message: a path or an address. */
  readonly source: string;
  /**
   * The message's last line where some do not match, for a caller who cannot pass `skip`. Default: the `skip` that
   * helps.
   */
  readonly advice?: string | undefined;
}

interface Mismatch {
  readonly name: string;
  readonly model: ExpectedTensor | undefined;
  readonly file: Tensor | undefined;
}

const SHOWN = 12;
/**
 * Buffers that a file may lack or have besides, because no training makes them. PyTorch counts batches in every batch
 * norm, but not before 0.4.1; torchvision stores the row of Swin's table for each pair of pixels, which follows from
 * the window; timm does not.
 */
const DISPENSABLE = /(^|\.)(num_batches_tracked|relative_position_index)$/;

/**
 * The tensors of a file for the names that a model expects, without those that `skip` matches.
 *
 * Both sides must have the same names, shapes and dtypes. Two things are tolerated: f64 where the model computes in
 * f32, which is rounded, and `num_batches_tracked` and `relative_position_index`, which hold nothing that was learned:
 * they may be missing in the file (then they are missing in the result, and the model's own first value is right) or be
 * there in addition.
 *
 * @throws UserError that lists the names on which the two sides disagree, both sides of each, and the way out.
 */
export function matchWeights(expected: readonly ExpectedTensor[], tensors: Tensors, options: MatchOptions): Tensors {
  const { skip, source, advice } = options;
  const compared = (name: string) => !skip || name.search(skip) < 0;
  const model = new Map(expected.filter(({ name }) => compared(name)).map((entry) => [entry.name, entry]));
  const file = new Map(Object.entries(tensors).filter(([name]) => compared(name)));
  const names = [...new Set([...model.keys(), ...file.keys()])];

  const matched: Record<string, Tensor> = Object.create(null);
  const mismatches: Mismatch[] = [];
  for (const name of names) {
    const mismatch = { name, model: model.get(name), file: file.get(name) };
    const value = fitting(mismatch);
    if (value) {
      matched[name] = value;
    } else if (!DISPENSABLE.test(name) || (mismatch.model && mismatch.file)) {
      mismatches.push(mismatch);
    }
  }
  if (mismatches.length > 0) throw new UserError(describe(mismatches, names, { source, advice }));
  return matched;
}

/** The file's tensor in the model's type, or undefined where the two do not match. */
function fitting({ model, file }: Mismatch): Tensor | undefined {
  if (!model || !file) return undefined;
  const rounded =
    model.dtype === 'f32' && file.dtype === 'f64' ? tensor('f32', file.shape, Float32Array.from(file.data)) : file;
  return formatType(model) === formatType(rounded) ? rounded : undefined;
}

function describe(
  mismatches: readonly Mismatch[],
  names: readonly string[],
  { source, advice }: Pick<MatchOptions, 'source' | 'advice'>,
): string {
  const verb = mismatches.length === 1 ? 'does' : 'do';
  const lines = [`${mismatches.length} of ${names.length} parameters ${verb} not match ${source}.`];
  for (const { name, model, file } of mismatches.slice(0, SHOWN)) {
    if (model) lines.push(`  - ${name} ${formatType(model)} (model)${file ? '' : ', not in the file'}`);
    if (file) lines.push(`  + ${name} ${formatType(file)} (file)${model ? '' : ', not in the model'}`);
  }
  if (mismatches.length > SHOWN) lines.push(`  and ${mismatches.length - SHOWN} more`);
  lines.push(wayOut(mismatches, names, advice));
  return lines.join('\n');
}

function wayOut(mismatches: readonly Mismatch[], names: readonly string[], advice: string | undefined): string {
  const skip = skipFor(mismatches.map(({ name }) => name));
  if (!skip || names.every((name) => skip.test(name)))
    return `The file seems to belong to another model. \`listModels()\` lists those that Graft has. ${otherNetwork}`;
  if (advice !== undefined) return advice;
  if (mismatches.every(({ model }) => !model)) return `To leave these out, pass skip: ${skip}.`;
  return `To keep the model's own, pass skip: ${skip}.`;
}

/** The longest dotted prefix that all names share, as a pattern; undefined where they share none. */
function skipFor(names: readonly string[]): RegExp | undefined {
  const [first, ...rest] = names.map((name) => name.split('.'));
  let shared = 0;
  while (
    shared < first!.length - 1 &&
    rest.every((parts) => parts.length > shared + 1 && parts[shared] === first![shared])
  ) {
    shared++;
  }
  if (shared > 0) return new RegExp(`^${literal(first!.slice(0, shared).join('.'))}\\.`);
  return names.length === 1 ? new RegExp(`^${literal(names[0]!)}$`) : undefined;
}

/** A pattern that matches `text` and nothing else. */
function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
