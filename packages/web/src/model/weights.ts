import { option } from '@graft-ml/core/internal/base/code';
import { inFile, OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import type { OpenRunStore } from '@graft-ml/core/internal/fit/run-store';
import { type Checkpoint, checkpointFrom } from '@graft-ml/core/internal/weights/checkpoint';
import type { WeightsEntry } from '@graft-ml/core/internal/weights/registry/entry';
import { publishedAs } from '@graft-ml/core/internal/weights/registry/lookup';
import { withCurrentNames } from '@graft-ml/core/internal/weights/rename';
import { readSealed } from '@graft-ml/core/internal/weights/sealed';
import type { NamedArchitecture } from '@graft-ml/core/models';
import { privateRuns } from '../runs/private-runs.ts';

/** The folder of weights in the browser's private file system. */
export const folder = 'weights';

export interface WeightsOptions {
  /** Opens stores of files. Default: in the browser's private file system. */
  readonly openStore?: OpenRunStore | undefined;
  /** Hears of the bytes that were fetched; `total` is 0 where the server does not say. */
  readonly onDownload?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Keeps a file of weights for this page, under its own name, in place of one of the same name.
 *
 * @returns its name for the option `weights`: `weights/resnet18.safetensors`
 * @throws UserError where it is no safetensors file, or the browser has no room
 * @example const weights = await keepWeights(file); // a File that was dropped
 */
export async function keepWeights(
  file: File | { readonly name: string; readonly content: Blob },
  { openStore = privateRuns() }: WeightsOptions = {},
): Promise<string> {
  const { name } = file;
  assertReadable(name);
  const content = file instanceof Blob ? file : file.content;
  const bytes = new Uint8Array(await content.arrayBuffer());
  await inFile(name, () => readSealed(bytes));
  const store = openStore(folder);
  await store.make();
  await store.replace(name, bytes);
  return `${folder}/${name}`;
}

/** The names of the files of weights that are kept for this page, as `weights` takes them. */
export async function keptWeights({ openStore = privateRuns() }: WeightsOptions = {}): Promise<string[]> {
  const names = await openStore(folder).names();
  return names.map((name) => `${folder}/${name}`).sort();
}

/**
 * Weights for a model: published ones by name or tag, which are fetched where they are not kept yet, a file that is
 * kept, or a run.
 *
 * @throws OptionError where there is nothing of that name; UserError where it cannot be fetched, is damaged, or of
 * another architecture
 */
export async function readWeights(
  name: string,
  model: NamedArchitecture,
  options: WeightsOptions = {},
): Promise<Checkpoint> {
  const { openStore = privateRuns() } = options;
  const entry = publishedAs(name, model.name);
  if (entry) {
    const { publishedFile } = await import('./published-file.ts'); // most pages fetch none
    const bytes = await publishedFile(entry, { ...options, openStore });
    return checkpointOfBytes(entry.name, bytes, model, entry);
  }
  const parts = name.split('/');
  const [path, file] = [parts.slice(0, -1).join('/'), parts.at(-1)!];
  if (path !== '' && (await openStore(path).names()).includes(file)) {
    const inside = await openStore(name).names();
    if (!inside.includes('best.safetensors')) {
      return checkpointOfBytes(name, await openStore(path).read(file), model);
    }
    return checkpointOfBytes(name, await openStore(name).read('best.safetensors'), model);
  }
  throw new OptionError({
    option: 'weights',
    expected: 'published weights, a file that is kept, or a run',
    received: name,
    problem:
      ` "${name}" is neither the name of published weights, nor a file or a run of this page. Files are kept by ` +
      '`keepWeights(file)`.',
  });
}

async function checkpointOfBytes(
  name: string,
  bytes: Uint8Array,
  model: NamedArchitecture,
  entry: WeightsEntry | null = null,
): Promise<Checkpoint> {
  const { tensors: read, metadata } = await inFile(name, () => readSealed(bytes));
  const published = entry ? { preprocessing: entry.preprocessing } : {};
  if (metadata.format === 'graft') return checkpointFrom(name, { tensors: read, metadata, notes: [] }, model);
  const { tensors, notes } = withCurrentNames(read);
  return checkpointFrom(name, { tensors, metadata, notes }, model, { published });
}

/** @throws UserError for a file in a format that pages do not read */
export function assertReadable(file: string, name = file): void {
  if (/\.safetensors$/i.test(file)) return;
  throw new UserError(
    `${name}: a page reads weights as safetensors, and this is ${/\.(pth|pt|bin|th)$/i.test(file) ? 'a file of PyTorch' : 'something else'}. ` +
      `In Node Graft reads those, too: \`loadModel(name, { weights })\` and \`model.save(folder)\` make a run whose ` +
      `best.safetensors is taken here (${option('weights')}).`,
  );
}
