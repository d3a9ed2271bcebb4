import type { Within } from '../within.ts';

/** Why an entry cannot be used, whatever it is called. */
export interface MemberRefusal {
  readonly kind: 'encrypted' | 'link-not-followed' | 'too-large' | 'truncated' | 'unreadable';
  readonly message: string;
}

/** An entry of an archive, as its directory or header describes it. */
export interface Member {
  readonly name: string;
  readonly isFolder: boolean;
  /** The place of its bytes; absent where it has none that could be read. */
  readonly within?: Within;
  readonly refusal?: MemberRefusal;
}

/** More than any dataset of images that is worth one file. */
export const MOST_MEMBERS = 2_000_000;
