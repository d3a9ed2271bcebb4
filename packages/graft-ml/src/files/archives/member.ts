import type { Within } from '../within.ts';

/** The reason why an entry cannot be used, whatever its name. */
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

/** The most members of an archive: more than any dataset that makes sense as one file. */
export const mostMembers = 2_000_000;
