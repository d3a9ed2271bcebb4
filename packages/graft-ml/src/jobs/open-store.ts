import { folderStore } from './folder-store.ts';
import type { ObjectStore } from './object-store.ts';
import { type BucketOptions, bucketStore, parseBucketPlace } from './s3-store.ts';

/**
 * Opens a store: a folder, or `s3://bucket/prefix`.
 *
 * @throws UserError where the address is none, or the package for buckets is not installed
 */
export async function openStore(place: string, options: BucketOptions = {}): Promise<ObjectStore> {
  const bucket = parseBucketPlace(place);
  return bucket ? bucketStore(bucket, options) : folderStore(place);
}
