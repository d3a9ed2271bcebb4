import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { formatOwnJson } from '@graft-ml/core/internal/base/own-json';
import { quote } from '@graft-ml/core/internal/base/quote';
import { z } from 'zod';
import { cached, privateMode } from '../cache-folder.ts';
import type { Checksum, Digests } from '../checksum.ts';
import { readOwnJson } from '../read-own-json.ts';
import { replaceFile } from '../write.ts';

/** A checksum that a file must have, and why. */
export interface Expectation extends Checksum {
  /** The reason in brackets after it; empty for published checksums. */
  readonly why: string;
}

/** Beside a file in the cache, `<file>.json`: what it was when it was downloaded first. Version 0.1 noted more. */
const pinSchema = z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/) });

/** @throws OptionError where `expectSha256` is no SHA-256 */
export function assertSha256(text: string | undefined): void {
  if (text === undefined || /^[0-9a-f]{64}$/i.test(text)) return;
  throw new OptionError({
    option: 'expectSha256',
    expected: '64 hexadecimal digits',
    received: text,
    problem: ` ${quote(text)} is not a SHA-256, which has 64 hexadecimal digits.`,
  });
}

/** @throws UserError where a file that was read is not what `expectSha256` says, if it says anything */
export function assertExpected(path: string, sha256: string, expected: string | undefined): void {
  assertSha256(expected);
  if (expected === undefined || sha256 === expected.toLowerCase()) return;
  throw new UserError(`${path} has the sha256 ${sha256}, expected ${expected.toLowerCase()} (\`expectSha256\`).`);
}

/** All checksums that a file must have: the publisher's, and the user's or else that of the first download. */
export function expectationsOf(
  published: Checksum | null,
  { expected, pinned }: { expected: string | undefined; pinned: string | undefined },
): Expectation[] {
  const sha256 = (digest: string, why: string): Expectation => ({ algorithm: 'sha256', digest, why });
  return [
    ...(published ? [{ ...published, why: '' }] : []),
    ...(expected !== undefined ? [sha256(expected.toLowerCase(), '`expectSha256`')] : []),
    ...(expected === undefined && pinned !== undefined
      ? [
          sha256(
            pinned,
            'what it was when it was downloaded first. If its publisher has changed it since, say so with ' +
              '`expectSha256`',
          ),
        ]
      : []),
  ];
}

/** The digests to compute of a file: without expectations, the one that identifies it the next time. */
export function algorithmsOf(expectations: readonly Expectation[]): Checksum['algorithm'][] {
  return expectations.length > 0 ? expectations.map(({ algorithm }) => algorithm) : ['sha256'];
}

/** The first of them that is not met, in words that follow on "what arrived" or "the file"; undefined where all are. */
export function unmet(expectations: readonly Expectation[], digests: Digests): string | undefined {
  for (const { algorithm, digest, why } of expectations) {
    const actual = digests[algorithm] ?? '';
    if (actual.startsWith(digest)) continue;
    return `has the ${algorithm} ${actual.slice(0, digest.length)}, expected ${digest}${why && ` (${why})`}`;
  }
  return undefined;
}

/**
 * The digest of the file at its first download; undefined where it was not noted, or the note is not ours or damaged.
 */
export async function readPin(path: string): Promise<string | undefined> {
  try {
    return pinSchema.parse(await readOwnJson(`${path}.json`, cached)).sha256;
  } catch {
    return undefined;
  }
}

/** A cache that we may only read goes without. */
export async function writePin(path: string, sha256: string): Promise<void> {
  await replaceFile(`${path}.json`, formatOwnJson({ sha256 }), { mode: privateMode.file }).catch(() => {});
}
