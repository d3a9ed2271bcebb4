import { UsageError, UserError } from '@graft-ml/core/internal/base/errors';
import type { Command } from 'commander';
import { messageInCommands } from '../text/wording.ts';
import { type CommandDefinition, settingsArgument } from './command.ts';
import { parseFlags, splitSettings, underOwnNames } from './flags.ts';
import { attachOptions } from './help.ts';
import { goOnUnread } from './output.ts';
import { createTerminal, type Terminal } from './terminal.ts';

/** Gives a command of commander the arguments, options, examples and action of its definition. */
export function attachDefinition(command: Command, name: string, definition: CommandDefinition): void {
  for (const { syntax, description } of definition.arguments) command.argument(syntax, description);
  if (definition.takesSettings) command.argument(settingsArgument.syntax, settingsArgument.description);
  attachOptions(command, name, definition);
  command.action(async (...received: unknown[]) => {
    const { json = false, ...given } = command.opts<{ json?: boolean }>();
    const terminal = createTerminal({ json });
    try {
      const words = received
        .slice(0, -2)
        .flat()
        .filter((value): value is string => typeof value === 'string');
      const flags = Object.entries(given).filter(([key]) => command.getOptionValueSource(key) === 'cli');
      await run(name, definition, words, underOwnNames(Object.fromEntries(flags)), terminal);
    } catch (error) {
      // Here and not where it is printed, so that no help and no mistyped command loads the words of options.
      if (error instanceof UserError) error.message = messageInCommands(error);
      throw error;
    } finally {
      terminal.endProgress();
    }
  });
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
  if (takesSettings) checkCount(name, definition.arguments, positionals);
  const set = { ...flags, ...settings };
  const options = parseFlags(schema, set, await definition.defaults?.(set));
  if (definition.goesOnUnread?.(options)) goOnUnread();
  await definition.run({ positionals, options, given: Object.keys(set), terminal });
}

/** Checks the number of arguments, which commander cannot do, since it takes settings for arguments. */
function checkCount(name: string, expected: CommandDefinition['arguments'], positionals: readonly string[]): void {
  if (positionals.length > expected.length) {
    throw new UsageError(`${name}: too many arguments: ${positionals.slice(expected.length).join(' ')}`);
  }
  const missing = expected.slice(positionals.length).find(({ syntax }) => syntax.startsWith('<'));
  if (missing) throw new UsageError(`${name}: missing required argument ${missing.syntax}`);
}
