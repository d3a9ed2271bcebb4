/**
 * The command line of a command as plain data: its arguments, flags and examples. `npm run build` writes that of every
 * command to `dist/cli/commands.json` (`scripts/commands.ts`), so that parsing and help load no schema.
 */
export interface CommandLine {
  readonly arguments: readonly Argument[];
  readonly flags: readonly Flag[];
  /** The options that a person begins with, by key, each in a few words; null where help shows all at once. */
  readonly basic: Readonly<Record<string, string>> | null;
  readonly examples: readonly string[];
}

/** A positional argument as commander writes it: `<folder>`, `[run]`, `<images...>`. */
export interface Argument {
  readonly syntax: string;
  readonly description: string;
}

/** One flag, read off the schema of a command's options. */
export interface Flag {
  readonly key: string;
  /** `--learning-rate <number>`, `--no-augment`, `--strict` */
  readonly syntax: string;
  readonly description: string;
  readonly defaultText: string;
  /** Other spellings that are understood, as flags: `--lr <number>`. */
  readonly aliases: readonly string[];
  /** The heading it stands under; null: before the first heading. */
  readonly group: string | null;
}

/** Flags by the names of their groups, in the order of the groups' first flags; those without one are under `null`. */
export function byGroup(flags: readonly Flag[]): Map<string | null, Flag[]> {
  const sections = new Map<string | null, Flag[]>();
  for (const flag of flags) sections.set(flag.group, [...(sections.get(flag.group) ?? []), flag]);
  return sections;
}
