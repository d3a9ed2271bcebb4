import { UsageError, UserError } from '@graft-ml/core/internal/base/errors';
import { optionKey } from '../text/option-names.ts';
import { messageInCommands } from '../text/wording.ts';
import type { CommandDefinition } from './command.ts';
import type { CommandEntry } from './commands/index.ts';
import { parseFlags, splitSettings, underOwnNames } from './flags.ts';
import { goOnUnread } from './output.ts';
import { createTerminal, type Terminal } from './terminal.ts';

/** The words and flags of a command line, as the parser read them. */
interface Parsed {
  readonly words: readonly string[];
  /** The flags that were given, under the names that they were given by. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly json: boolean;
}

/**
 * Loads a command and does what it does with a command line. Errors are in the words of the command line.
 * @throws whatever the command throws
 */
export async function runCommand({ name, load }: CommandEntry, { words, flags, json }: Parsed): Promise<void> {
  const terminal = createTerminal({ json });
  try {
    await run(name, await load(), words, underOwnNames(flags), terminal);
  } catch (error) {
    if (error instanceof UserError) error.message = messageInCommands(error);
    throw error;
  } finally {
    terminal.endProgress();
  }
}

/** Reads what stands on the command line by the table, and does what the command does. */
async function run(
  name: string,
  definition: CommandDefinition,
  words: readonly string[],
  flags: Readonly<Record<string, unknown>>,
  terminal: Terminal,
): Promise<void> {
  const { options: schema, takesSettings } = definition;
  const { positionals, settings } = takesSettings
    ? splitSettings(schema, words, flags, takesSettings)
    : { positionals: words, settings: {} };
  if (takesSettings) checkCount(name, definition, positionals);
  const given = { ...flags, ...settings };
  const options = parseFlags(schema, given, await definition.defaults?.(given));
  if (definition.goesOnUnread?.(options)) goOnUnread();
  await definition.run({ positionals, options, given: Object.keys(given), terminal });
}

/** Checks the number of arguments, which commander cannot do, since it takes settings for arguments. */
function checkCount(name: string, definition: CommandDefinition, positionals: readonly string[]): void {
  const { arguments: expected, options } = definition;
  if (positionals.length > expected.length) {
    const extra = positionals.slice(expected.length);
    const key = extra.map(optionKey).find((each) => each in options.shape);
    const hint = key === undefined ? '' : `. To set an option write ${key}=VALUE`;
    throw new UsageError(`${name}: too many arguments: ${extra.join(' ')}${hint}`);
  }
  const missing = expected.slice(positionals.length).find(({ syntax }) => syntax.startsWith('<'));
  if (missing) throw new UsageError(`${name}: missing required argument ${missing.syntax}`);
}
