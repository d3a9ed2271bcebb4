import type { Refusal } from '../../data/tree/listing.ts';
import type { Within } from '../within.ts';

/** An entry of an archive, as its directory or header describes it. */
export interface Member {
  readonly name: string;
  readonly isFolder: boolean;
  /** Where its bytes lie; absent where it has none that could be read. */
  readonly within?: Within;
  /** Why it cannot be used, whatever it is called. */
  readonly refusal?: Refusal;
}

/** More than any data set of pictures that is worth one file. */
export const MOST_MEMBERS = 2_000_000;
