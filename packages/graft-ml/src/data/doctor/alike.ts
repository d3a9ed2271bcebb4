import { groupBy } from '@graft-ml/core/internal/image/group-by';
import { correlation, type Likeness, thumbnailSide } from './likeness.ts';

/**
 * Images that are one image for the eye: hashes that differ in at most 11 of 64 bits, and thumbnails that correlate by
 * at least 0.98.
 *
 * Found on TrashNet and Caltech-101 (600 images of each). Copies at half or double the size, squashed, blurred, of
 * other contrast, or as JPEG of quality 15 stay within 8 bits and above 0.98 (one in a hundred falls to 0.978); so do
 * most that lost 1 % at each border, and few that lost more. Of the 359,400 other pairs, one passes, and that is one
 * photograph with and without a watermark; the next, two motorcycles posed alike, reach 0.9796. Mirrored and turned
 * copies are not looked for.
 */
const mostBits = 11;
const leastCorrelation = 0.98;

/** Words of the hash, of 16 bits. Of 11 bits that differ, one of the four words has at most 2. */
const words = 4;
const mostBitsOfWord = Math.floor(mostBits / words);
const wordSize = 2 ** 16;

/** Blocks of 4 x 4 levels in a thumbnail. */
const blocks = 16;

/** 2 (1 - r), and room for rounding. */
const mostSquares = 2 * (1 - leastCorrelation) + 1e-9;

const bitCounts = Uint8Array.from({ length: wordSize }, (_, word) => countBits(word));

/** All words with at most 2 bits set: the differences between words that are near each other. */
const nearby = Array.from({ length: wordSize }, (_, word) => word).filter((word) => bitCounts[word]! <= mostBitsOfWord);

function countBits(word: number): number {
  let count = 0;
  for (let rest = word; rest > 0; rest >>= 1) count += rest & 1;
  return count;
}

/**
 * The groups of two or more that look the same, as positions in `likenesses`; what is alike in a chain is one group.
 *
 * Multi-index hashing (Norouzi, Punjani, Fleet 2012): an image is compared with those alone of which one word of the
 * hash is within two bits of its own. Photographs spread over the words; drawings on a white ground do not, so that
 * what is met is first compared in the coarse.
 */
export function alikeGroups(likenesses: readonly Likeness[]): number[][] {
  const groups = new DisjointSets(likenesses.length);
  const coarse = new Float64Array(blocks * likenesses.length); // in one piece: this is looked at most often
  likenesses.forEach(({ thumbnail }, i) => {
    coarse.set(coarsely(thumbnail), blocks * i);
  });
  const tables = Array.from({ length: words }, (_, word) => tableOf(likenesses, word));
  likenesses.forEach((likeness, i) => {
    tables.forEach((table, word) => {
      for (const difference of nearby) {
        for (const j of table.get(likeness.hash[word]! ^ difference) ?? []) {
          if (j >= i) break; // buckets ascend, and each pair is met from its later side
          if (!mayCorrelate(coarse, blocks * i, blocks * j) || groups.find(i) === groups.find(j)) continue;
          if (isAlike(likeness, likenesses[j]!)) groups.unite(i, j);
        }
      }
    });
  });
  return groups.ofSeveral();
}

/**
 * A thumbnail of mean 0 and length 1, projected on the 16 orthonormal vectors that are 1/4 in one block of 4 x 4
 * levels. NaN where it is of a single grey.
 */
function coarsely(thumbnail: Uint8Array): Float64Array {
  const mean = thumbnail.reduce((sum, level) => sum + level, 0) / thumbnail.length;
  const length = Math.sqrt(thumbnail.reduce((sum, level) => sum + (level - mean) ** 2, 0));
  const projections = new Float64Array(blocks);
  thumbnail.forEach((level, i) => {
    const [row, column] = [Math.floor(i / thumbnailSide), i % thumbnailSide];
    projections[(row >> 2) * 4 + (column >> 2)]! += (level - mean) / (4 * length);
  });
  return projections;
}

/**
 * Whether the correlation can reach 0.98: |u - v|² = 2 (1 - r) for vectors of length 1, and projections are no longer.
 */
function mayCorrelate(coarse: Float64Array, a: number, b: number): boolean {
  let rest = mostSquares;
  for (let i = 0; i < blocks; i++) {
    const difference = coarse[a + i]! - coarse[b + i]!;
    rest -= difference * difference;
    if (!(rest >= 0)) return false;
  }
  return true;
}

/** The images by their value of one word of the hash. */
function tableOf(likenesses: readonly Likeness[], word: number): ReadonlyMap<number, readonly number[]> {
  return groupBy(likenesses.keys(), (i) => likenesses[i]!.hash[word]!);
}

function isAlike(a: Likeness, b: Likeness): boolean {
  return distance(a.hash, b.hash) <= mostBits && correlation(a.thumbnail, b.thumbnail) >= leastCorrelation;
}

/** The Hamming distance of two hashes, in bits. */
function distance(a: Uint16Array, b: Uint16Array): number {
  let bits = 0;
  for (let word = 0; word < words; word++) bits += bitCounts[a[word]! ^ b[word]!]!;
  return bits;
}

/** Union-find with path halving. */
class DisjointSets {
  readonly #parents: Uint32Array;

  constructor(size: number) {
    this.#parents = Uint32Array.from({ length: size }, (_, i) => i);
  }

  find(i: number): number {
    const parents = this.#parents;
    let at = i;
    while (parents[at] !== at) {
      parents[at] = parents[parents[at]!]!;
      at = parents[at]!;
    }
    return at;
  }

  unite(i: number, j: number): void {
    const [a, b] = [this.find(i), this.find(j)];
    this.#parents[Math.max(a, b)] = Math.min(a, b);
  }

  /** The sets of two or more members, in ascending order. */
  ofSeveral(): number[][] {
    const sets = groupBy(this.#parents.keys(), (i) => this.find(i));
    return [...sets.values()].filter(({ length }) => length > 1);
  }
}
