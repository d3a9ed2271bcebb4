import { stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { didYouMean } from '@graft-ml/core/internal/base/choice';
import { option } from '@graft-ml/core/internal/base/code';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';
import type { WeightsEntry } from '@graft-ml/core/internal/weights/registry/entry';
import { entriesOf, publishedAs, tagOf, weightsEntries } from '@graft-ml/core/internal/weights/registry/lookup';
import { sha256Of } from '../files/checksum.ts';
import { assertExpected } from '../files/download/expectations.ts';
import type { FetchOptions } from '../files/download/fetch-file.ts';
import type { OpenOptions } from '../files/read.ts';
import { fetchWeights } from './fetch-weights.ts';

export interface ResolveOptions extends FetchOptions {
  /** The architecture that the weights are for. With it a tag (`imagenet1k_v2`) or `default` says enough. */
  readonly model?: string;
}

export interface ResolvedWeights {
  /** A file that is there. */
  readonly path: string;
  /** `refuse` for a file in the cache or in the folder of a run, which nobody named itself. */
  readonly links: NonNullable<OpenOptions['links']>;
  /** The registry's entry; null for a file of the user's own. */
  readonly entry: WeightsEntry | null;
}

/**
 * Resolves the option `weights`: published weights by name (`torchvision/resnet50.imagenet1k_v2`, see
 * `pretrainedConfig`), which are downloaded where they are not in the cache, or else a file or the folder of a run.
 * Names come first; `./default` is a file whatever it is called.
 *
 * @throws UserError where it is neither, where the weights belong to another model, or where they cannot be downloaded
 */
export async function resolveWeights(
  weights: string,
  { model, ...options }: ResolveOptions = {},
): Promise<ResolvedWeights> {
  const entry = publishedAs(weights, model);
  if (entry) {
    if (model !== undefined && entry.architecture !== model) {
      const { name, architecture } = entry;
      throw new UserError(
        `${name} are weights of ${architecture}, not of ${model}. Pass ${option('model', architecture)}.`,
      );
    }
    return { path: (await fetchWeights(entry, options)).path, links: 'refuse', entry };
  }
  const facts = await stat(weights).catch(() => undefined);
  if (facts) {
    const links = facts.isDirectory() ? 'refuse' : 'follow';
    const path = facts.isDirectory() ? await bestIn(weights) : weights;
    if (options.expectSha256 !== undefined) await expectFile(path, links, options.expectSha256);
    return { path, links, entry: null };
  }
  if (isPath(weights)) throw new UserError(`Cannot read ${weights}: there is no such file.`);
  throw new OptionError({
    option: 'weights',
    expected: 'a file, the folder of a run, or the name of published weights',
    received: weights,
    problem: ` "${printableName(weights)}" is neither a file nor the name of published weights.${whatElse(weights, model)}`,
  });
}

/** @throws UserError where the file has another SHA-256 */
async function expectFile(path: string, links: 'follow' | 'refuse', expected: string): Promise<void> {
  if (/\.json$/i.test(path)) {
    throw new OptionError({
      option: 'expectSha256',
      expected: 'nothing for an index',
      received: expected,
      problem: ` is of one file, and ${path} is the index of several. Check them by hand.`,
    });
  }
  assertExpected(path, await sha256Of(path, { links }), expected);
}

/** The weights of a run. */
async function bestIn(run: string): Promise<string> {
  const path = join(run, 'best.safetensors');
  const facts = await stat(path).catch(() => undefined);
  if (facts) return path;
  throw new OptionError({
    option: 'weights',
    expected: 'the folder of a run, or a file',
    received: run,
    problem: ` ${run} is a folder without best.safetensors, so no run of Graft's. Name a file.`,
  });
}

/** Whether this can only be meant as a file. */
function isPath(weights: string): boolean {
  return isAbsolute(weights) || /^\.\.?[\\/]|\.(safetensors|pth|pt|th|bin|json)$/i.test(weights);
}

function whatElse(weights: string, model: string | undefined): string {
  if (model === undefined) {
    const names = weightsEntries.map(({ name }) => name);
    return `${didYouMean(weights, names)} \`listModels("**", { pretrained: true })\` lists all.`;
  }
  const tags = entriesOf(model).map(({ name }) => tagOf(name));
  if (tags.length === 0) return ` Nobody has published any for ${model}, as far as Graft knows.`;
  return `${didYouMean(weights, tags)} Of ${model} there are: ${tags.join(', ')}.`;
}
