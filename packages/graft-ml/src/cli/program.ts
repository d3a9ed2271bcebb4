import { didYouMean } from '@graft-ml/core/internal/base/choice';
import { UsageError } from '@graft-ml/core/internal/base/errors';
import { printable, printableMessage, printableName } from '@graft-ml/core/internal/base/printable';
import { version } from '@graft-ml/core/internal/base/version';
import { Command, CommanderError } from 'commander';
import { type CommandDefinition, settingsArgument } from './command.ts';
import { commands } from './commands/index.ts';
import { describeFailure, message } from './failure.ts';
import { commanderOptions, flagsOf, parseFlags, splitSettings, underOwnNames } from './flags.ts';
import { goOnUnread, write } from './output.ts';
import { createTerminal } from './terminal.ts';

/** Runs a command line and returns the exit status: 0 done, 1 failed, 2 used wrongly, 130 interrupted. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = new Command('graft')
    .description('Transfer learning and meta-learning: a folder of labelled images in, a classifier out.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(add --help for the options)')
    .configureHelp({ helpWidth: 110 })
    .configureOutput({
      writeOut: (text) => write('stdout', printable(text)),
      writeErr: (text) => write('stderr', printableMessage(text)),
      outputError: (text, say) => say(`${message(text.trimEnd())}\n`),
    });
  addHelp(program);
  for (const command of commands) addCommand(program, command);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const { text, status } = describeFailure(error);
    write('stderr', `graft: ${text}\n`);
    return status;
  }
}

function addCommand(program: Command, definition: CommandDefinition): void {
  const words = definition.name.split(' ');
  const parent = words.slice(0, -1).reduce(subcommand, program);
  const command = parent.command(words.at(-1)!).description(definition.summary).exitOverride();
  for (const { syntax, description } of definition.arguments) command.argument(syntax, description);
  if (definition.takesSettings) command.argument(settingsArgument.syntax, settingsArgument.description);
  for (const option of flagsOf(definition.options).flatMap(commanderOptions)) command.addOption(option);
  command.option('--json', 'the result as JSON on stdout');
  command.addHelpText('after', `\nExamples:\n${definition.examples.map((line) => `  $ ${line}`).join('\n')}`);
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
    if (definition.takesSettings) checkCount(definition, positionals);
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

/** `graft help train`, `graft data help get`. @throws UsageError where there is no such command */
function addHelp(parent: Command): void {
  parent
    .helpCommand(false)
    .command('help [command...]')
    .description('the help of a command')
    .exitOverride()
    .action((words: string[]) => {
      const path: string[] = [];
      const found = words.reduce((at, word) => {
        const names = at.commands.map((command) => command.name());
        if (!names.includes(word)) throw new UsageError(unknownCommand([...path, word].join(' '), word, names));
        path.push(word);
        return at.commands[names.indexOf(word)]!;
      }, parent);
      found.outputHelp();
    });
}

function unknownCommand(given: string, word: string, names: readonly string[]): string {
  const known = names.length === 0 ? '' : ` Expected one of: ${names.filter((name) => name !== 'help').join(', ')}.`;
  return `help: there is no command "${printableName(given)}".${didYouMean(word, names)}${known}`;
}

/** The command of this name under another, for those below it: `data` for `data get`. */
function subcommand(parent: Command, name: string): Command {
  const known = parent.commands.find((command) => command.name() === name);
  if (known) return known;
  const group = parent.command(name).description(`several commands: graft ${name} --help`).exitOverride();
  addHelp(group);
  return group;
}

/** What commander cannot check, since it takes settings for arguments. */
function checkCount({ name, arguments: expected }: CommandDefinition, positionals: readonly string[]): void {
  if (positionals.length > expected.length) {
    throw new UsageError(`${name}: too many arguments: ${positionals.slice(expected.length).join(' ')}`);
  }
  const missing = expected.slice(positionals.length).find(({ syntax }) => syntax.startsWith('<'));
  if (missing) throw new UsageError(`${name}: missing required argument ${missing.syntax}`);
}
