import { hexOf, sha256Hasher } from '../../base/sha256.ts';
import { type TensorOf, type Tensors, zeros } from '../../base/tensor.ts';
import { type Network, variablesOf } from '../../fit/step.ts';
import { input } from '../../graph/index.ts';
import { Scope } from '../../nn/index.ts';
import type { ParallelProgram } from '../../runtime/index.ts';
import type { Episode } from '../episode.ts';
import type { EpisodeResult, EpisodeTester, TesterOptions } from '../episode-tester.ts';
import type { BaselineEntry } from '../learners.ts';
import { dot, type LinearHead, rowOf } from './linear-head.ts';

/** The features of a network: u8 (n, 3, side, side) to (n, f). */
export interface Features {
  of(images: TensorOf<'u8'>): Promise<TensorOf<'f32'>>;
  close(): Promise<void>;
}

/**
 * Images that go through the network together. A row does not depend on the others: batch norm has its running
 * statistics.
 */
const batchSize = 16;

/** Features that are computed once for each image, however many episodes it is in. */
export async function openFeatures(
  network: Network,
  values: Tensors,
  { runtime, parallel }: Pick<TesterOptions, 'runtime' | 'parallel'>,
): Promise<Features> {
  const { scope } = Scope.root({
    training: false,
    batchNorm: 'frozen',
    variable: ({ name, dtype, shape }) => input(name, dtype, shape),
  });
  const images = input('images', 'u8', [batchSize, ...network.input.shape]);
  const features = network.forward(scope, images);
  const program = await parallel({ features }, { shared: variablesOf(network).keys(), runtime });
  const known = new Map<string, Float32Array>();
  return {
    async of(pixels) {
      const keys = rowsOf(pixels).map((row) => keyOf(row));
      await compute(program, values, known, new Map(keys.map((key, i) => [key, rowsOf(pixels)[i]!])), network);
      const width = features.shape[1]!;
      const table = zeros('f32', [keys.length, width]);
      keys.forEach((key, i) => {
        table.data.set(known.get(key)!, i * width);
      });
      return table;
    },
    close: () => program.release(),
  };
}

function keyOf(pixels: Uint8Array): string {
  const hash = sha256Hasher();
  hash.update(pixels);
  return hexOf(hash.digest());
}

/** Fills in what is not known yet. */
async function compute(
  program: ParallelProgram,
  values: Tensors,
  known: Map<string, Float32Array>,
  images: ReadonlyMap<string, Uint8Array>,
  network: Network,
): Promise<void> {
  const missing = [...images].filter(([key]) => !known.has(key));
  const batches = Array.from({ length: Math.ceil(missing.length / batchSize) }, (_, b) =>
    missing.slice(b * batchSize, (b + 1) * batchSize),
  );
  const feeds = batches.map((batch) => {
    const pixels = zeros('u8', [batchSize, ...network.input.shape]);
    batch.forEach(([, row], i) => {
      pixels.data.set(row, i * row.length);
    });
    return { images: pixels };
  });
  const results = await program.runAll(values, feeds);
  results.forEach(({ features }, b) => {
    const width = features!.shape[1]!;
    batches[b]!.forEach(([key], i) => {
      known.set(key, (features!.data as Float32Array).slice(i * width, (i + 1) * width));
    });
  });
}

function rowsOf({ data, shape }: TensorOf<'u8'>): Uint8Array[] {
  const width = data.length / shape[0]!;
  return Array.from({ length: shape[0]! }, (_, i) => data.subarray(i * width, (i + 1) * width));
}

/** A baseline on episodes: features of each image, a head of the support's, and what it says of the queries'. */
export async function openBaselineTester(
  network: Network,
  values: Tensors,
  options: TesterOptions & { readonly baseline: BaselineEntry },
): Promise<EpisodeTester> {
  const features = await openFeatures(network, values, options);
  const one = async ({ support, supportLabels, query, queryLabels }: Episode): Promise<EpisodeResult> => {
    const labels = Array.from(supportLabels.data, Number);
    const head = options.baseline.fitHead({ features: await features.of(support), labels });
    return judge(head, await features.of(query), Array.from(queryLabels.data, Number));
  };
  return {
    async test(episodes) {
      const results: EpisodeResult[] = [];
      for (const episode of episodes) results.push(await one(episode));
      return results;
    },
    close: () => features.close(),
  };
}

/** What a head says of queries. */
function judge({ weight, bias }: LinearHead, queries: TensorOf<'f32'>, labels: readonly number[]): EpisodeResult {
  const logits = zeros('f32', [labels.length, bias.data.length]);
  let [correct, loss] = [0, 0];
  labels.forEach((label, row) => {
    const own = Array.from(bias.data, (b, of) => dot(rowOf(weight, of), rowOf(queries, row)) + b);
    logits.data.set(own, row * own.length);
    const most = Math.max(...own);
    if (own.indexOf(most) === label) correct++;
    loss += most + Math.log(own.reduce((sum, logit) => sum + Math.exp(logit - most), 0)) - own[label]!;
  });
  return { correct: [correct], losses: [loss / labels.length], logits };
}
