import type { z } from 'zod';
import type { Argument } from './command-line.ts';
import type { Terminal } from './terminal.ts';

/**
 * The arguments and options of a command, as data: the parser, `--help` and `docs/cli.md` are all made from this. Its
 * name is in `commands/index.ts`.
 */
export interface CommandTable<S extends z.ZodObject = z.ZodObject> {
  readonly arguments: readonly Argument[];
  /** The flags: `learningRate` is `--learning-rate`. */
  readonly options: S;
  /**
   * The options that a person begins with, in their order, each in a few words: `--help` shows these, `--help all`
   * every one as its table describes it. Without it, both do the latter.
   */
  readonly basic?: { readonly [K in keyof z.output<S>]?: string };
  /**
   * The options by what they are about: headings of `--help all` and `docs/cli.md`. One that is in no group comes
   * before them.
   */
  readonly groups?: Readonly<Record<string, object>>;
  /**
   * The command that lists all options, for a command whose options may also be written without dashes, among the
   * arguments (`epochs=3`).
   */
  readonly takesSettings?: string;
  readonly examples: readonly string[];
}

/** A command: what it takes, and what it does. */
export interface CommandDefinition<S extends z.ZodObject = z.ZodObject> extends CommandTable<S> {
  /**
   * Whether its work is what it leaves on the disk, and not what it prints: then it goes on to its end where nobody
   * reads.
   */
  goesOnUnread?(options: z.output<S>): boolean;
  /** Values for flags that were not given, from elsewhere than the table: an earlier run's, say. */
  defaults?(given: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>>;
  run(call: {
    positionals: readonly string[];
    options: z.output<S>;
    /** The keys of the options that stood on the command line, with dashes or without. */
    given: readonly string[];
    terminal: Terminal;
  }): Promise<void>;
}

/** Keeps the type of the options between the table and `run`. */
export function defineCommand<S extends z.ZodObject>(definition: CommandDefinition<S>): CommandDefinition<S> {
  return definition;
}

/** The same for a table that stands by itself. */
export function defineTable<S extends z.ZodObject>(table: CommandTable<S>): CommandTable<S> {
  return table;
}
