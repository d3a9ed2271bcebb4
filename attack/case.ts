import type { RandomStream } from '@graft-ml/core/internal/base/random';
import type { Outcome } from './bounded.ts';
import type { Room } from './room.ts';
import type { Stock } from './stock.ts';

/** One attack. Equal seeds, kinds, labels and rounds give equal bytes. */
export interface Case {
  readonly label: string;
  /** Whether each round draws another attack; others are played once. */
  readonly isDrawn?: boolean;
  /** Of each command of the case: of processor time, or of waiting; default 40. */
  readonly seconds?: number;
  /** Of each command and its processes together; default 1200. */
  readonly mebibytes?: number;
  play(stage: Stage): Promise<void>;
}

/** Cases of one kind of attack. */
export interface Kind {
  readonly name: string;
  readonly cases: readonly Case[];
}

export interface CommandOptions {
  /** Exit statuses that fit; default 0, 1 and 2. */
  readonly ends?: readonly number[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly stdin?: Uint8Array;
  /** Ends the command by a signal, as a user or a machine would. */
  readonly kill?: { readonly signal: NodeJS.Signals; readonly after: Moment };
  /** Where stdout and stderr go; default: they are read to their end. */
  readonly stdout?: Sink;
  readonly stderr?: Sink;
  /** Arguments of Node itself. */
  readonly node?: readonly string[];
}

/** So many milliseconds after the start, or after this text stood on stderr. */
export interface Moment {
  readonly text?: string;
  readonly milliseconds: number;
}

/** A reader that leaves after the first bytes, a device that is full, or a descriptor that was never open. */
export type Sink = 'read' | 'leaves' | 'full' | 'closed';

/** What a case plays on. Every command is judged when it has ended, and the room when the case has. */
export interface Stage {
  readonly room: Room;
  readonly stock: Stock;
  readonly stream: RandomStream;
  /** Runs the built command line. */
  graft(args: readonly string[], options?: CommandOptions): Promise<Outcome>;
  /** Runs a program of `attack/inside/`, for what the command line would be too slow for. */
  inside(program: string, args: readonly string[], options?: CommandOptions): Promise<Outcome>;
  /** Notes that something was not as it should be. */
  fail(reason: string): void;
}
