import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median } from '../harness.ts';
import type { SideRequest } from './graft-side.ts';
import { type PeerPlaces, type Tried, trySettings, type Way, waysOf } from './peers.ts';
import type { PeerResult, Row, SideResult } from './results.ts';
import { type Side, startSide, type Turn } from './side.ts';
import { ratioOf, spreadOf } from './statistics.ts';
import { nameOf, type Work } from './works.ts';

export interface CompareOptions extends PeerPlaces {
  readonly threads: number;
  /** Turns of each side. */
  readonly turns: number;
  /** Settings that were tried before, the fastest first. */
  known(way: string): readonly Tried[] | undefined;
  onSettings(way: string, tried: readonly Tried[]): void;
  onProgress(text: string): void;
}

const turnMilliseconds = 700;
/** Turns of all sides take no longer than this where it leaves five of each. */
const rowMilliseconds = 15_000;
const fewestTurns = 5;
/**
 * The sides may differ by rounding, of which deep networks of random weights make more: logits by a thousandth of the
 * largest, losses by a twentieth of what the first step changes.
 */
const tolerances = { logits: 1e-3, losses: 0.05 };

const program = (name: string) => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

/**
 * Times a work with Graft and with each way of its peers, in turns. A way that does not work on this machine is left out.
 *
 * @throws Error where the sides do not compute the same
 */
export async function compare(work: Work, options: CompareOptions): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'graft-bench-'));
  const request = { work, threads: options.threads, folder };
  const load = loadavg()[0]!;
  const sides = new Map<string, Side>();
  try {
    await promisify(execFile)(process.execPath, [program('start'), JSON.stringify(request)]);
    const graft = await startSide({
      command: process.execPath,
      args: [program('graft-side'), JSON.stringify(request)],
    });
    sides.set('Graft', graft);
    for (const way of waysOf(work, options)) {
      const best = (await settingsOf(way, work, request, options))[0];
      const side = best && (await startSide(way.command(request, best.setting)).catch(asError));
      if (side && !(side instanceof Error)) sides.set(way.name, side);
      else options.onProgress(`${nameOf(work)}: ${way.name} does not work here${side ? `: ${side.message}` : ''}`);
    }
    const differences = new Map(
      [...sides].map(([name, { ready }]) => [name, difference(work, graft.ready.check, ready.check)] as const),
    );
    const tolerance = work.kind === 'frozen' ? tolerances.logits : tolerances.losses;
    for (const [name, found] of differences) {
      if (!(found < tolerance)) {
        const [ours, theirs] = [graft.ready.check, sides.get(name)!.ready.check].map((check) => check.join(', '));
        throw new Error(`${nameOf(work)}: ${name} computes something else (${theirs}; Graft ${ours}).`);
      }
    }
    return { ...rowOf(work, sides, differences, await takeTurns(sides, options)), load };
  } finally {
    for (const side of sides.values()) await side.close();
    rmSync(folder, { recursive: true });
  }
}

const asError = (error: unknown) => (error instanceof Error ? error : new Error(String(error)));

async function settingsOf(
  way: Way,
  work: Work,
  request: SideRequest,
  { known, onSettings, onProgress }: CompareOptions,
): Promise<readonly Tried[]> {
  const before = known(way.name);
  if (before) return before;
  onProgress(`${nameOf(work)}: settings of ${way.name}`);
  const tried = await trySettings(way, request);
  onSettings(way.name, tried);
  return tried;
}

/** The largest difference: of logits relative to the largest, of losses to what a step changes, or a thousandth. */
function difference({ kind }: Work, ours: readonly number[], theirs: readonly number[]): number {
  const [first, second] = ours as [number, number];
  const size =
    kind === 'frozen' ? Math.max(...ours.map(Math.abs)) : Math.max(Math.abs(second - first), Math.abs(first) / 1000);
  return Math.max(...ours.map((value, i) => Math.abs(value - theirs[i]!))) / size;
}

async function takeTurns(sides: ReadonlyMap<string, Side>, options: CompareOptions): Promise<Map<string, Turn[]>> {
  const steps = new Map<string, number>();
  let roundTime = 0;
  for (const [name, side] of sides) {
    const [first] = (await side.take(1)).milliseconds;
    const [second] = (await side.take(1)).milliseconds;
    const own = Math.min(first!, second!);
    const count = Math.max(1, Math.round(turnMilliseconds / own));
    steps.set(name, count);
    roundTime += count * own;
  }
  const turns = Math.max(fewestTurns, Math.min(options.turns, Math.floor(rowMilliseconds / roundTime)));
  const taken = new Map([...sides.keys()].map((name) => [name, [] as Turn[]]));
  for (let turn = 0; turn < turns; turn++) {
    for (const [name, side] of sides) taken.get(name)!.push(await side.take(steps.get(name)!));
  }
  return taken;
}

function rowOf(
  work: Work,
  sides: ReadonlyMap<string, Side>,
  differences: ReadonlyMap<string, number>,
  taken: ReadonlyMap<string, readonly Turn[]>,
): Omit<Row, 'load'> {
  const times = (name: string) => taken.get(name)!.map(({ milliseconds }) => median(milliseconds));
  const result = (name: string): SideResult => {
    const [side, turns] = [sides.get(name)!, taken.get(name)!];
    return {
      setting: side.ready.setting,
      milliseconds: spreadOf(times(name)),
      processor: spreadOf(turns.map(({ processor, milliseconds }) => processor / milliseconds.length)),
      peak: Math.max(...turns.map(({ peak }) => peak)),
      idle: Math.max(...turns.map(({ idle }) => idle)),
      ready: side.seconds,
      steps: turns[0]!.milliseconds.length,
      versions: side.ready.versions,
    };
  };
  const peers = [...sides.keys()].filter((name) => name !== 'Graft');
  return {
    name: nameOf(work),
    kind: work.kind,
    date: new Date().toISOString(),
    graft: result('Graft'),
    peers: Object.fromEntries(
      peers.map((name): [string, PeerResult] => [
        name,
        { ...result(name), ratio: ratioOf(times('Graft'), times(name)), difference: differences.get(name)! },
      ]),
    ),
  };
}
