import { homedir } from 'node:os';
import { join } from 'node:path';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { printableMessage } from '@graft-ml/core/internal/base/printable';
import { hubFromEnvironment } from '../files/download/place.ts';
import { exists, readText } from '../files/read.ts';

/** Where the hub is, and who asks. */
export interface HubOptions {
  /** The hub's address. Default: `HF_ENDPOINT`, or https://huggingface.co. */
  readonly hubUrl?: string | undefined;
  /** The access token. Default: `HF_TOKEN`, or the file that Hugging Face's own tools keep it in; null: none. */
  readonly token?: string | null | undefined;
}

/** The hub as one call uses it. */
export interface HubAccess {
  /** Its address without a slash at the end. */
  readonly url: string;
  readonly host: string;
  readonly token: string | null;
}

/**
 * @throws UserError where the address is none, the token holds characters that no token has, or would be sent over a
 * connection that others can read
 */
export async function hubAccess({ hubUrl, token: given }: HubOptions): Promise<HubAccess> {
  const environment = hubFromEnvironment(process.env);
  const address = hubUrl ?? environment.endpoint;
  const url = URL.canParse(address) ? new URL(address) : null;
  const isAddress = url !== null && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search;
  if (!isAddress) {
    throw new OptionError({
      option: 'hubUrl',
      expected: 'an address that begins with https://, without name and password',
      received: address,
    });
  }
  const token = given === undefined ? (environment.token ?? (await tokenFromFile())) : given;
  if (token !== null) assertToken(token, url);
  return { url: url.href.replace(/\/+$/, ''), host: url.host, token };
}

/** The hosts of this machine, to which connections need no encryption. */
const ownHost = /^(localhost|127(\.\d+){3}|\[::1\])$/;

function assertToken(token: string, { protocol, hostname, host }: URL): void {
  // Anything else cannot stand in a header, and fetch would quote it in its error.
  if (!/^[\x21-\x7e]+$/.test(token)) throw new UserError('The token of the hub holds characters that no token has.');
  if (protocol === 'https:' || ownHost.test(hostname)) return;
  throw new UserError(
    `${host} is reached without encryption (http://), so that the token could be read on the way. Name an https:// address.`,
  );
}

/** Where Hugging Face's own tools keep the token (`hf auth login`). */
function tokenFile({ HF_TOKEN_PATH, HF_HOME, XDG_CACHE_HOME }: NodeJS.ProcessEnv): string {
  return HF_TOKEN_PATH || join(HF_HOME || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface'), 'token');
}

/** A token has some 40 characters. */
const longestToken = 4096;

async function tokenFromFile(): Promise<string | null> {
  const file = tokenFile(process.env);
  if (!(await exists(file))) return null;
  return (await readText(file, { most: longestToken, owner: 'user' })).trim() || null;
}

/** @throws UserError that says how to get one where there is no token */
export function needToken({ token, host }: HubAccess): string {
  if (token !== null) return token;
  throw new UserError(
    `Pushing to ${host} needs an access token with write permission. Make one at https://huggingface.co/settings/tokens, ` +
      'then set HF_TOKEN to it, or run `hf auth login`, which keeps it in a file that is read here, too.',
  );
}

/** The part of a hub's error that is worth reading. */
interface Refusal {
  readonly statusCode: number;
  readonly data?: unknown;
}

/** An error of Hugging Face's client in our words, which name the host and never an address: that may hold a secret. */
export function hubError(error: unknown, { host }: HubAccess, what: string): unknown {
  if (error instanceof UserError || !(error instanceof Error)) return error;
  if (isRefusal(error)) {
    const { statusCode } = error;
    const said = messageOf(error.data);
    return new UserError(`${what}: ${host} answers ${statusCode}${said && ` (${said})`}.${adviceFor(statusCode)}`, {
      cause: error,
    });
  }
  if (error.message.startsWith('Your access token must start')) {
    return new UserError('The token of the hub is none: one begins with hf_.', { cause: error });
  }
  const reason = error.cause instanceof Error ? error.cause : error;
  const isOfNetwork = error instanceof TypeError || 'code' in reason || error.name === 'TimeoutError';
  return isOfNetwork
    ? new UserError(`${what}: ${host} cannot be reached (${reason.message}).`, { cause: error })
    : error;
}

function isRefusal(error: Error): error is Error & Refusal {
  return 'statusCode' in error && typeof error.statusCode === 'number';
}

function messageOf(data: unknown): string {
  if (typeof data !== 'object' || data === null) return '';
  const text = 'error' in data ? data.error : 'message' in data ? data.message : '';
  return typeof text === 'string' ? printableMessage(text.slice(0, 300).trim()) : '';
}

function adviceFor(status: number): string {
  if (status === 401) return ' The token is not valid there. Make one at https://huggingface.co/settings/tokens.';
  if (status === 403) return ' The token has no permission to write there: it needs the role “write”.';
  if (status === 409 || status === 412) return ' Someone else has changed it meanwhile; push again.';
  if (status === 429) return ' It wants fewer requests; wait a few minutes.';
  return '';
}
