import { inFile, UserError } from '@graft-ml/core/internal/base/errors';
import { sha256Of } from '@graft-ml/core/internal/base/sha256';
import type { OpenRunStore } from '@graft-ml/core/internal/fit/run-store';
import type { WeightsEntry } from '@graft-ml/core/internal/weights/registry/entry';
import { readSealed } from '@graft-ml/core/internal/weights/sealed';
import { assertReadable, folder, type WeightsOptions } from './weights.ts';

/** The content of published weights: fetched once, then kept. */
export async function publishedFile(
  { name, url, sha256 }: WeightsEntry,
  { openStore, onDownload, signal }: WeightsOptions & { readonly openStore: OpenRunStore },
): Promise<Uint8Array> {
  const file = `${name.replaceAll('/', '.')}.safetensors`;
  assertReadable(url, name);
  const store = openStore(folder);
  if ((await store.names()).includes(file)) return store.read(file);
  const bytes = await fetched(url, onDownload, signal);
  const digest = await sha256Of(bytes);
  if (sha256 !== null && !digest.startsWith(sha256)) {
    throw new UserError(`${url} is not what was published: its SHA-256 is ${digest}, expected ${sha256}.`);
  }
  await inFile(url, () => readSealed(bytes));
  await store.make();
  await store.replace(file, bytes);
  return bytes;
}

async function fetched(
  url: string,
  onDownload: WeightsOptions['onDownload'],
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url, { ...(signal && { signal }) }).catch((cause: Error) => {
    if (signal?.aborted) throw cause;
    throw new UserError(
      `${url} cannot be fetched: ${cause.message}. Download the file, and keep it by \`keepWeights(file)\`.`,
      { cause },
    );
  });
  if (!response.ok || response.body === null) {
    throw new UserError(`${url} cannot be fetched: the server answers ${response.status}.`);
  }
  const total = Number(response.headers.get('content-length') ?? 0);
  let done = 0;
  const counted = response.body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        done += chunk.length;
        onDownload?.(done, total);
        controller.enqueue(chunk);
      },
    }),
  );
  return new Uint8Array(await new Response(counted).arrayBuffer());
}
