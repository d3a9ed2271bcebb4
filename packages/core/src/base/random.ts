/**
 * A stream of random numbers that is addressed by a path, not by how many numbers were drawn before it:
 * `randomStream(seed, 'augment', epoch, image)` is the same stream in every worker and after every resume.
 * The path is hashed (64-bit FNV-1a, then splitmix finalisation) into the state of sfc32 (Doty-Humphrey, PractRand).
 */
export interface RandomStream {
  /** Uniform in [0, 1), with 32 random bits. */
  uniform(): number;
  /** A whole number in [0, bound). */
  integer(bound: number): number;
  /** Standard normal (Box and Muller 1958). */
  normal(): number;
  /** Random bits, 32 in each element: those of `uniform`, many times as fast. */
  fill(words: Int32Array): void;
  /** A new array in random order (Fisher and Yates). */
  shuffle<T>(items: readonly T[]): T[];
}

/** The stream at `path` under `seed`. Equal arguments give equal streams on every machine. */
export function randomStream(seed: number, ...path: readonly (string | number)[]): RandomStream {
  const fill = sfc32(hashPath([seed, ...path]));
  const word = new Int32Array(1);
  const uniform = () => {
    fill(word);
    return (word[0]! >>> 0) / 2 ** 32;
  };
  const integer = (bound: number) => Math.floor(uniform() * bound);
  return {
    uniform,
    integer,
    fill,
    // 1 - u is in (0, 1], so the logarithm is finite.
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    shuffle(items) {
      const shuffled = [...items];
      for (let i = shuffled.length - 1; i > 0; i--) {
        const j = integer(i + 1);
        [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
      }
      return shuffled;
    },
  };
}

function hashPath(path: readonly (string | number)[]): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(JSON.stringify(path))) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash;
}

function sfc32(hash: bigint): (words: Int32Array) => void {
  let z = hash;
  const word = () => {
    z = BigInt.asUintN(64, z + 0x9e3779b97f4a7c15n);
    let mixed = z;
    mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n);
    mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
    return Number((mixed ^ (mixed >> 31n)) & 0xffffffffn);
  };
  // Elements of a typed array and locals made of them stay machine words in V8; captured variables would be boxed.
  const state = Int32Array.of(word(), word(), word(), 1);
  const fill = (words: Int32Array) => {
    let a = state[0]!;
    let b = state[1]!;
    let c = state[2]!;
    let counter = state[3]!;
    for (let i = 0; i < words.length; i++) {
      const sum = (((a + b) | 0) + counter) | 0;
      counter = (counter + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (((c << 21) | (c >>> 11)) + sum) | 0;
      words[i] = sum;
    }
    state[0] = a;
    state[1] = b;
    state[2] = c;
    state[3] = counter;
  };
  fill(new Int32Array(12)); // the mixing rounds that sfc32's author prescribes after seeding
  return fill;
}

/** Draws from the Beta distribution with shapes a and b, both positive: mean a / (a + b). */
export function beta(stream: RandomStream, a: number, b: number): number {
  return 1 / (1 + Math.exp(logGamma(stream, b) - logGamma(stream, a)));
}

/**
 * The logarithm of a draw from the Gamma distribution with scale 1 (Marsaglia and Tsang 2000). For a shape below 1 the
 * draw itself may underflow: γ(a) is distributed as γ(a + 1) · u^(1/a).
 */
function logGamma(stream: RandomStream, shape: number): number {
  if (shape < 1) return logGamma(stream, shape + 1) + Math.log(1 - stream.uniform()) / shape;
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = stream.normal();
    const cube = (1 + c * x) ** 3;
    if (cube > 0 && Math.log(1 - stream.uniform()) < 0.5 * x * x + d - d * cube + d * Math.log(cube)) {
      return Math.log(d * cube);
    }
  }
}
