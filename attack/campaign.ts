import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { type Bounds, type Outcome, runBounded } from './bounded.ts';
import type { Case, CommandOptions, Kind, Stage } from './case.ts';
import { judgeOutcome, judgeRoom } from './judge.ts';
import { makeRoom, type Room, snapshotRoom } from './room.ts';
import type { Stock } from './stock.ts';

/** A case that was played. */
export interface Result {
  readonly kind: string;
  /** `kind/label`, with `#round` where it is drawn: what `--case` takes. */
  readonly name: string;
  readonly outcomes: readonly Outcome[];
  readonly failures: readonly string[];
}

export interface CampaignOptions {
  readonly seed: number;
  /** No case begins later. */
  readonly seconds: number;
  /** Cases side by side. */
  readonly jobs: number;
  /** Where rooms are made. */
  readonly scratch: string;
  /** The command line under attack. */
  readonly program: string;
  readonly keep: boolean;
  readonly onResult?: (result: Result) => void;
}

interface Planned {
  readonly kind: Kind;
  readonly case: Case;
  readonly round: number;
}

/** Ends of a command that nobody interrupted: done, failed, used wrongly. */
const usualEnds = [0, 1, 2];

export function nameOf({ kind, case: { label, isDrawn }, round }: Planned): string {
  return `${kind.name}/${label}${isDrawn ? `#${round}` : ''}`;
}

/** The case of this name. */
export function findCase(kinds: readonly Kind[], name: string): Planned | undefined {
  const [, path, round = '0'] = /^(.*?)(?:#(\d+))?$/.exec(name) ?? [];
  for (const kind of kinds) {
    const found = kind.cases.find(({ label }) => `${kind.name}/${label}` === path);
    if (found) return { kind, case: found, round: Number(round) };
  }
  return undefined;
}

/**
 * Plays cases until the time is up or none is left. The kind that had the least time so far is next, so that a short campaign
 * has something of each; within a kind, everything is played once before what is drawn is drawn again.
 */
export async function campaign(kinds: readonly Kind[], stock: Stock, options: CampaignOptions): Promise<Result[]> {
  const lanes = kinds.map((kind) => ({ spent: 0, next: inRounds(kind, options.seed), isDone: false }));
  const results: Result[] = [];
  const until = performance.now() + 1000 * options.seconds;
  const work = async () => {
    while (performance.now() < until) {
      const [lane] = lanes.filter(({ isDone }) => !isDone).sort((a, b) => a.spent - b.spent);
      if (!lane) return;
      const planned = lane.next.next();
      if (planned.done) {
        lane.isDone = true;
        continue;
      }
      const start = performance.now();
      // Counted before it is played, so that the other job takes another kind.
      lane.spent += 1;
      const result = await play(planned.value, stock, options);
      lane.spent += performance.now() - start;
      results.push(result);
      options.onResult?.(result);
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, work));
  return results;
}

function* inRounds(kind: Kind, seed: number): Generator<Planned> {
  // A short campaign has some of each sort, not those that happen to stand first.
  for (const of of randomStream(seed, 'attack', 'order', kind.name).shuffle(kind.cases))
    yield { kind, case: of, round: 0 };
  const drawn = kind.cases.filter(({ isDrawn }) => isDrawn);
  for (let round = 1; drawn.length > 0; round++) for (const of of drawn) yield { kind, case: of, round };
}

let rooms = 0;

export async function play(planned: Planned, stock: Stock, options: CampaignOptions): Promise<Result> {
  const { kind, case: of, round } = planned;
  const room = makeRoom(join(options.scratch, `room-${rooms++}`));
  const outcomes: Outcome[] = [];
  const failures: string[] = [];
  const bounds: Bounds = { seconds: of.seconds ?? 40, mebibytes: of.mebibytes ?? 1200 };
  let before: ReturnType<typeof snapshotRoom> | undefined;
  const command = async (argv: readonly string[], { ends = usualEnds, ...given }: CommandOptions) => {
    before ??= snapshotRoom(room);
    const environment = environmentOf(room, given.environment);
    const outcome = await runBounded(
      [process.execPath, ...(given.node ?? []), ...argv],
      { cwd: room.work, environment, bounds },
      given,
    );
    outcomes.push(outcome);
    failures.push(...judgeOutcome(outcome, ends, room.secret));
    return outcome;
  };
  const stage: Stage = {
    room,
    stock,
    stream: randomStream(options.seed, 'attack', kind.name, of.label, round),
    graft: (args, given = {}) => command([options.program, ...args], given),
    inside: (name, args, given = {}) => command([insideProgram(name), ...args], given),
    fail: (reason) => failures.push(reason),
  };
  try {
    await of.play(stage);
  } catch (error) {
    failures.push(`the case itself failed: ${error instanceof Error ? error.stack : String(error)}`);
  }
  const wasEnded = outcomes.some(({ wasKilled, exceeded }) => wasKilled || exceeded !== null);
  if (before) failures.push(...judgeRoom(room, before, wasEnded));
  if (!(options.keep && failures.length > 0)) rmSync(room.root, { recursive: true, force: true });
  return { kind: kind.name, name: nameOf(planned), outcomes, failures: [...new Set(failures)] };
}

function insideProgram(name: string): string {
  return fileURLToPath(new URL(`./inside/${name}.js`, import.meta.url));
}

/** Nothing of the user's own: no token, no proxy, no settings of Node. */
function environmentOf(room: Room, given: CommandOptions['environment'] = {}): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    LANG: 'C.UTF-8',
    HOME: room.home,
    TMPDIR: room.temporary,
    GRAFT_CACHE: room.cache,
    ...given,
  };
}
