import S3rver from 's3rver';
import { afterAll, beforeAll } from 'vitest';
import { temporaryFolder } from './images.ts';

/** A server on this machine that speaks S3, with one bucket, for the tests of a file. Its address is `endpoint()`. */
export function bucketServer(): { readonly place: string; endpoint(): string } {
  const bucket = 'studies';
  let address = '';
  let server: S3rver | undefined;
  beforeAll(async () => {
    process.env.AWS_ACCESS_KEY_ID = 'S3RVER';
    process.env.AWS_SECRET_ACCESS_KEY = 'S3RVER';
    const directory = temporaryFolder();
    server = new S3rver({
      port: 0,
      address: '127.0.0.1',
      silent: true,
      directory,
      configureBuckets: [{ name: bucket, configs: [] }],
    });
    const { port } = await server.run();
    address = `http://127.0.0.1:${port}`;
  });
  afterAll(() => server?.close());
  return { place: `s3://${bucket}`, endpoint: () => address };
}
