import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '@graft-ml/core/internal/base/errors';

/** The place that a published file is fetched from: an address, or a file of a local mirror. */
export type Place =
  | { readonly kind: 'address'; readonly url: URL; readonly credentials: Credentials | null }
  | { readonly kind: 'file'; readonly path: string };

/** A token and the one origin (scheme, host and port) that may see it. */
export interface Credentials {
  readonly origin: string;
  readonly token: string;
}

/** The Hugging Face hub as this environment wants it. */
export interface Hub {
  readonly endpoint: string;
  readonly token: string | null;
  readonly offline: boolean;
}

const hubOrigin = 'https://huggingface.co';

/**
 * Reads `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE` as Hugging Face's own client does. @throws UserError for a
 * damaged token
 */
export function hubFromEnvironment(environment: NodeJS.ProcessEnv): Hub {
  const token = environment.HF_TOKEN?.trim() || null;
  // Anything else cannot stand in a header, and fetch would quote it in its error.
  if (token !== null && !/^[\x21-\x7e]+$/.test(token))
    throw new UserError('HF_TOKEN holds characters that no token has.');
  return {
    endpoint: environment.HF_ENDPOINT || hubOrigin,
    token,
    offline: /^(1|on|yes|true)$/i.test(environment.HF_HUB_OFFLINE ?? ''),
  };
}

export function isOnHub(url: string): boolean {
  return new URL(url).origin === hubOrigin;
}

/**
 * The place to fetch `url` from; `hub` is null for files that are not on it. A mirror, an address or a folder, holds
 * every file under the path of its address: `https://download.pytorch.org/models/x.pth` as `<mirror>/models/x.pth`, and
 * `https://huggingface.co/timm/x/resolve/main/model.safetensors` as `<mirror>/timm/x/resolve/main/model.safetensors`.
 */
export function placeOf(url: string, { mirror, hub }: { mirror: string | null; hub: Hub | null }): Place {
  const { pathname } = new URL(url);
  if (mirror !== null && !/^[a-z][a-z0-9+.-]+:\/\//i.test(mirror)) return fileUnder(mirror, pathname);
  if (mirror?.startsWith('file:')) return fileUnder(fileURLToPath(mirror), pathname);
  if (mirror !== null) return { kind: 'address', url: below(mirror, pathname, '`mirror`'), credentials: null };
  if (hub === null) return { kind: 'address', url: new URL(url), credentials: null };
  const address = below(hub.endpoint, pathname, 'HF_ENDPOINT');
  const credentials = hub.token === null ? null : { origin: address.origin, token: hub.token };
  return { kind: 'address', url: address, credentials };
}

/** `pathname` below a base address. */
function below(base: string, pathname: string, setting: string): URL {
  const text = `${base.replace(/\/+$/, '')}${pathname}`;
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) {
    throw new UserError(
      `${setting} "${base}" is neither a folder nor an address that begins with http:// or https://.`,
    );
  }
  const url = new URL(text);
  if (url.username || url.password) throw new UserError(`${setting}: name and password cannot stand in the address.`);
  return url;
}

function fileUnder(folder: string, pathname: string): Place {
  return { kind: 'file', path: resolve(folder, ...decodeURIComponent(pathname).split('/').filter(Boolean)) };
}
