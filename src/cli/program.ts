import { Command, CommanderError } from 'commander';
import { UsageError, UserError } from '../base/errors.ts';
import { version } from '../base/version.ts';
import type { CommandDefinition } from './command.ts';
import { commands } from './commands/index.ts';
import { commanderOption, flagsOf, parseFlags } from './flags.ts';
import { createTerminal } from './terminal.ts';

/** Runs a command line and returns the exit status: 0 done, 1 failed, 2 used wrongly, 130 interrupted. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = new Command('graft')
    .description('Transfer learning and meta-learning: a folder of labelled pictures in, a classifier out.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(add --help for the options)')
    .configureHelp({ helpWidth: 110 });
  for (const command of commands) addCommand(program, command);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof UserError) {
      process.stderr.write(`graft: ${error.message}\n`);
      return error instanceof UsageError ? 2 : 1;
    }
    process.stderr.write(`graft: this is a bug. ${error instanceof Error ? error.stack : String(error)}\n`);
    return 1;
  }
}

function addCommand(program: Command, definition: CommandDefinition): void {
  const command = program.command(definition.name).description(definition.summary).exitOverride();
  for (const { syntax, description } of definition.arguments) command.argument(syntax, description);
  for (const flag of flagsOf(definition.options)) command.addOption(commanderOption(flag));
  command.option('--json', 'the result as JSON on stdout');
  command.addHelpText('after', `\nExamples:\n${definition.examples.map((line) => `  $ ${line}`).join('\n')}`);
  command.action(async (...received: unknown[]) => {
    const { json = false, ...given } = command.opts<{ json?: boolean }>();
    const flags = Object.fromEntries(
      Object.entries(given).filter(([key]) => command.getOptionValueSource(key) === 'cli'),
    );
    const positionals = received
      .slice(0, -2)
      .flat()
      .filter((value): value is string => typeof value === 'string');
    const options = parseFlags(definition.options, flags, await definition.defaults?.(flags));
    const terminal = createTerminal({ json });
    try {
      await definition.run({ positionals, options, given: Object.keys(flags), terminal });
    } finally {
      terminal.endProgress();
    }
  });
}
