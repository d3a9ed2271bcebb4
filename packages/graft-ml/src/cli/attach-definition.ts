import { UsageError } from '@graft-ml/core/internal/base/errors';
import type { Command } from 'commander';
import { type CommandDefinition, settingsArgument } from './command.ts';
import { parseFlags, splitSettings, underOwnNames } from './flags.ts';
import { attachOptions } from './help.ts';
import { goOnUnread } from './output.ts';
import { createTerminal } from './terminal.ts';

/** Gives a command of commander the arguments, options, examples and action of its definition. */
export function attachDefinition(command: Command, name: string, definition: CommandDefinition): void {
  for (const { syntax, description } of definition.arguments) command.argument(syntax, description);
  if (definition.takesSettings) command.argument(settingsArgument.syntax, settingsArgument.description);
  attachOptions(command, name, definition);
  command.action(async (...received: unknown[]) => {
    const { json = false, ...given } = command.opts<{ json?: boolean }>();
    const flags = underOwnNames(
      Object.fromEntries(Object.entries(given).filter(([key]) => command.getOptionValueSource(key) === 'cli')),
    );
    const values = received
      .slice(0, -2)
      .flat()
      .filter((value): value is string => typeof value === 'string');
    const { positionals, settings } = definition.takesSettings
      ? splitSettings(definition.options, values, flags, definition.takesSettings)
      : { positionals: values, settings: {} };
    if (definition.takesSettings) checkCount(name, definition.arguments, positionals);
    const set = { ...flags, ...settings };
    const options = parseFlags(definition.options, set, await definition.defaults?.(set));
    if (definition.goesOnUnread?.(options)) goOnUnread();
    const terminal = createTerminal({ json });
    try {
      await definition.run({ positionals, options, given: Object.keys(set), terminal });
    } finally {
      terminal.endProgress();
    }
  });
}

/** What commander cannot check, since it takes settings for arguments. */
function checkCount(name: string, expected: CommandDefinition['arguments'], positionals: readonly string[]): void {
  if (positionals.length > expected.length) {
    throw new UsageError(`${name}: too many arguments: ${positionals.slice(expected.length).join(' ')}`);
  }
  const missing = expected.slice(positionals.length).find(({ syntax }) => syntax.startsWith('<'));
  if (missing) throw new UsageError(`${name}: missing required argument ${missing.syntax}`);
}
