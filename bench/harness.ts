/** One side of a comparison: something that can be timed, again and again, without being set up anew. */
export interface Contender {
  readonly versions: Readonly<Record<string, unknown>>;
  /** Runs the work `count` times. Milliseconds of each. */
  time(count: number): Promise<number[]>;
  close(): Promise<void>;
}

export interface Timings {
  /** Milliseconds: blocks of repetitions, in the order in which they ran. */
  readonly ours: readonly (readonly number[])[];
  readonly peer: readonly (readonly number[])[];
}

/**
 * Times both sides in turn, so that whatever else the machine does falls on both: a block of ours, a block of the
 * peer's, and again. `warmUp` repetitions of each are not counted.
 */
export async function interleave(
  ours: Contender,
  peer: Contender | undefined,
  { repetitions, blocks, warmUp = 2 }: { repetitions: number; blocks: number; warmUp?: number },
): Promise<Timings> {
  const times = await takeTurns({ ours, ...(peer && { peer }) }, { repetitions, blocks, warmUp });
  return { ours: times.ours!, peer: times.peer ?? [] };
}

/** The same with any number of sides: milliseconds by name, in blocks in the order in which they ran. */
export async function takeTurns(
  contenders: Readonly<Record<string, Contender>>,
  { repetitions, blocks, warmUp = 2 }: { repetitions: number; blocks: number; warmUp?: number },
): Promise<Record<string, number[][]>> {
  const times: Record<string, number[][]> = {};
  for (const [name, contender] of Object.entries(contenders)) {
    times[name] = [];
    await contender.time(warmUp);
  }
  for (let block = 0; block < blocks; block++) {
    for (const [name, contender] of Object.entries(contenders)) times[name]!.push(await contender.time(repetitions));
  }
  return times;
}

export interface Summary {
  /** Milliseconds of one repetition: median over all. */
  readonly ours: number;
  readonly peer?: number;
  /** Ours / peer, of each pair of neighbouring blocks; below 1, ours is faster. */
  readonly ratios: readonly number[];
  readonly ratio?: number;
}

export function summarise({ ours, peer }: Timings): Summary {
  const ratios = peer.map((block, i) => median(ours[i]!) / median(block));
  return {
    ours: median(ours.flat()),
    ratios,
    ...(peer.length > 0 && { peer: median(peer.flat()), ratio: median(ratios) }),
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
