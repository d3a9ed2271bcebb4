import { Readable } from 'node:stream';
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';
import { assertKey } from './object-key.ts';
import type { ObjectStore } from './object-store.ts';
import { loadPeers } from './peer.ts';

/** Options for a store in a bucket. Credentials, region and proxies come from where AWS's own tools take them. */
export interface BucketOptions {
  /** The address of a server that speaks S3, such as MinIO. Default: `AWS_ENDPOINT_URL`, or else Amazon's. */
  readonly endpoint?: string | undefined;
}

/** The parts of `s3://bucket/prefix`. */
export interface BucketPlace {
  readonly bucket: string;
  /** Without slashes at its ends; may be empty. */
  readonly prefix: string;
}

/** Null where the text is no `s3://` address. @throws UserError where it is one, but not of a bucket */
export function parseBucketPlace(place: string): BucketPlace | null {
  if (!/^s3:\/\//i.test(place)) return null;
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([\w./-]*))?$/i.exec(place);
  const prefix = match?.[2]?.replace(/^\/+|\/+$/g, '') ?? '';
  if (!match || prefix.split('/').some((part) => part === '.' || part === '..')) {
    throw new UserError(
      `${printableName(place)} names no bucket. Expected s3://bucket or s3://bucket/prefix, of letters, digits, ` +
        'dots, dashes and underscores.',
    );
  }
  return { bucket: match[1]!, prefix };
}

/** Without a bound of the caller's, an object that does not fit into memory is refused. */
const mostBytes = 2 ** 31 - 1;

/**
 * Objects in a bucket of S3, or of a server that speaks its protocol (MinIO, R2, Ceph). The SDK tries again what fails
 * on the way.
 *
 * @throws UserError where the SDK is not installed
 */
export async function bucketStore({ bucket, prefix }: BucketPlace, options: BucketOptions = {}): Promise<ObjectStore> {
  const sdk = await loadPeers(['@aws-sdk/client-s3'], 'A store in a bucket', () => import('@aws-sdk/client-s3'));
  const endpoint = options.endpoint ?? process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL;
  const client = new sdk.S3Client({
    // The checksums that the SDK sends and expects by default are refused by MinIO, R2 and others.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // A server of one's own knows its buckets by path, not by host name.
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    // Such a server has no regions either, but the signature of a request names one.
    ...(endpoint !== undefined && { region: process.env.AWS_REGION ?? 'us-east-1' }),
    maxAttempts: 5,
  });
  const place = `s3://${bucket}${prefix && `/${prefix}`}`;
  const keyOf = (key: string) => (prefix === '' ? key : `${prefix}/${key}`);
  const at = (key: string) => ({ Bucket: bucket, Key: keyOf(assertKey(key)) });
  const reach = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof UserError) throw cause;
      throw new UserError(`${place} cannot be used: ${reasonOf(cause)}.`, { cause });
    }
  };

  return {
    place,
    put: (key, content) =>
      reach(async () => {
        await client.send(new sdk.PutObjectCommand({ ...at(key), Body: content, ContentLength: content.length }));
      }),
    get: (key, most = mostBytes) =>
      reach(async () => {
        try {
          return await bodyOf(`${place}/${key}`, await client.send(new sdk.GetObjectCommand(at(key))), most);
        } catch (error) {
          if (isAbsent(error)) return null;
          throw error;
        }
      }),
    has: (key) =>
      reach(async () => {
        try {
          await client.send(new sdk.HeadObjectCommand(at(key)));
          return true;
        } catch (error) {
          if (isAbsent(error)) return false;
          throw error;
        }
      }),
    async *list(start) {
      for (let token: string | undefined; ; ) {
        const page = await reach(() =>
          client.send(new sdk.ListObjectsV2Command({ Bucket: bucket, Prefix: keyOf(start), ContinuationToken: token })),
        );
        for (const { Key } of page.Contents ?? []) {
          if (Key !== undefined) yield prefix === '' ? Key : Key.slice(prefix.length + 1);
        }
        if (!page.IsTruncated) return;
        token = page.NextContinuationToken;
      }
    },
    remove: (key) =>
      reach(async () => {
        await client.send(new sdk.DeleteObjectCommand(at(key)));
      }),
  };
}

async function bodyOf(
  name: string,
  { Body, ContentLength }: GetObjectCommandOutput,
  most: number,
): Promise<Uint8Array> {
  if (!(Body instanceof Readable)) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const pieces: AsyncIterable<Uint8Array> = Body;
  // A stream that is left is destroyed, so that no connection waits for the rest.
  for await (const chunk of pieces) {
    length += chunk.length;
    if (length > most) throw new UserError(`${name} is longer than the ${most} bytes that are read of it at most.`);
    chunks.push(chunk);
  }
  if (ContentLength !== undefined && length !== ContentLength) {
    throw new UserError(`${name} ended after ${length} of ${ContentLength} bytes.`);
  }
  const [first] = chunks;
  return chunks.length === 1 && first ? new Uint8Array(first) : new Uint8Array(Buffer.concat(chunks));
}

function isAbsent(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // A HEAD request has no body that could name the error.
  return error.name === 'NoSuchKey' || error.name === 'NotFound';
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const reason = error.message === '' || error.message === 'UnknownError' ? error.name : error.message;
  return printableName(reason.replace(/\.$/, ''));
}
