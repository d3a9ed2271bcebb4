import type { Progress } from '../checkpoint.ts';
import type { TrainEvent } from '../events.ts';

/**
 * Hears what happens in a run, in order, and waited for: a run goes on when `log` has resolved. What a logger throws
 * ends the run, so one that may fail (a network) catches that itself.
 *
 * @example
 * const chart: Logger = {
 *   async log(event) {
 *     if (event.kind === 'evaluation') await draw(event.epoch, event.loss);
 *   },
 *   async close() {},
 * };
 * trainFolder('photos', {}, { out: 'runs/x', loggers: [chart] });
 */
export interface Logger<M extends string = 'accuracy'> {
  /**
   * Before the first event of a run that is resumed. What was logged beyond `phase` comes again: a log that outlives
   * the process drops it now.
   */
  resume?(phase: LoggedProgress): Promise<void>;
  /**
   * An evaluation comes before the checkpoint that counts its epoch, so that a log which is written at once misses
   * none.
   */
  log(event: TrainEvent<M>): Promise<void>;
  /** However the run ends, short of a kill. */
  close(): Promise<void>;
}

export type LoggedProgress = Pick<Progress, 'epoch' | 'step'>;

/** A log in a file that only grows: what stands in it, not how it is written. */
export interface LogFormat<M extends string = 'accuracy'> {
  /** The name of a new file. */
  readonly name: string;
  /** Whether a file of the run folder is this log, whoever began it. */
  isLog(name: string): boolean;
  /** The first bytes of the file. */
  readonly header: Uint8Array;
  /** The bytes that an event adds; null where the log leaves it out. */
  encode(event: TrainEvent<M>): Uint8Array | null;
  /** The number of bytes that are whole entries until `phase`. */
  lengthUntil(content: Uint8Array, phase: LoggedProgress): number;
}
