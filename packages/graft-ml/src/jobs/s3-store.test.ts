import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { bucketServer } from '../../../../test/s3.ts';
import type { ObjectStore } from './object-store.ts';
import { bucketStore, parseBucketPlace } from './s3-store.ts';

describe('the place of a bucket', () => {
  it.each([
    ['s3://studies', { bucket: 'studies', prefix: '' }],
    ['s3://my.studies/a/b_1/', { bucket: 'my.studies', prefix: 'a/b_1' }],
    ['/tmp/studies', null],
    ['s3studies', null],
  ])('of %s', (place, parts) => {
    expect(parseBucketPlace(place)).toEqual(parts);
  });

  it.each(['s3://', 's3://a', 's3://studies/../b', 's3://studies/ä', 's3://user:password@host/x'])(
    'is not %s',
    (place) => {
      expect(() => parseBucketPlace(place)).toThrow(/names no bucket/);
    },
  );
});

describe('a store in a bucket', () => {
  const server = bucketServer();

  it('says which bucket is not there', async () => {
    const store = await bucketStore({ bucket: 'nowhere', prefix: '' }, { endpoint: server.endpoint() });
    await expect(store.put('a', Uint8Array.of(1))).rejects.toThrow(/^s3:\/\/nowhere cannot be used: .*bucket/i);
  });

  // The server above cannot answer in pages: it makes their tokens with a cipher that OpenSSL no longer has.
  it('lists page after page', async () => {
    const pages = createServer((request, response) => {
      const isSecond = request.url?.includes('continuation-token=more') === true;
      const rest = isSecond
        ? '<IsTruncated>false</IsTruncated><Contents><Key>b</Key></Contents>'
        : '<IsTruncated>true</IsTruncated><NextContinuationToken>more</NextContinuationToken><Contents><Key>a</Key></Contents>';
      response.end(`<?xml version="1.0"?><ListBucketResult><Name>studies</Name>${rest}</ListBucketResult>`);
    });
    await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = pages.address() as AddressInfo;
      const store = await bucketStore({ bucket: 'studies', prefix: '' }, { endpoint: `http://127.0.0.1:${port}` });
      expect(await listed(store, '')).toEqual(['a', 'b']);
    } finally {
      pages.close();
      pages.closeAllConnections();
    }
  });
});

async function listed(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of store.list(prefix)) keys.push(key);
  return keys;
}
