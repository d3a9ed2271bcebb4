/**
 * Objects by key, in a folder or a bucket, that the machines of a study share. A key is made of letters, digits, dots,
 * dashes and underscores, with '/' between its parts. An object is there whole or not at all.
 *
 * @throws UserError (by rejection) where the store cannot be reached, or refuses
 */
export interface ObjectStore {
  /** The place, as messages name it: a path, or `s3://bucket/prefix`. */
  readonly place: string;
  put(key: string, content: Uint8Array): Promise<void>;
  /**
   * @param most bytes that are read at most
   * @returns null where there is no such object
   */
  get(key: string, most?: number): Promise<Uint8Array | null>;
  has(key: string): Promise<boolean>;
  /** The keys that begin with a prefix, in the order of their characters. */
  list(prefix: string): AsyncIterable<string>;
  remove(key: string): Promise<void>;
}
