import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { didYouMean } from '@graft-ml/core/internal/base/choice';
import { UsageError, UserError } from '@graft-ml/core/internal/base/errors';
import { printable, printableMessage, printableName } from '@graft-ml/core/internal/base/printable';
import { version } from '@graft-ml/core/internal/base/version';
import { Command, CommanderError } from 'commander';
import { packageFile } from '../files/package-file.ts';
import type { CommandLine } from './command-line.ts';
import { type CommandEntry, commands, families } from './commands/index.ts';
import { describeFailure, message } from './failure.ts';
import { attachCommandLine } from './help.ts';
import { textWidth, write } from './output.ts';

/** Runs a command line and returns the exit status: 0 done, 1 failed, 2 used wrongly, 130 interrupted. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync(argv, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const { text, status } = describeFailure(error);
    write('stderr', `graft: ${text}\n`);
    return status;
  }
}

/** Every command by its name and summary alone; `load` gives it the rest. */
function createProgram(): Command {
  const program = new Command('graft')
    .description('Transfer learning and meta-learning: a folder of labelled images in, a classifier out.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .exitOverride()
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .addHelpText('after', '\nMore about one command: graft <command> --help')
    .showHelpAfterError('(`graft --help` lists the commands.)')
    .configureOutput({
      getOutHelpWidth: textWidth,
      writeOut: (text) => write('stdout', printable(text)),
      writeErr: (text) => write('stderr', printableMessage(text)),
      outputError: (text, say) => say(`${message(inOurWords(text.trimEnd()))}\n`),
    });
  for (const entry of commands) addCommand(program, entry);
  for (const parent of [program, ...program.commands.filter(({ commands }) => commands.length > 0)]) addHelp(parent);
  return program;
}

/** An error of commander like those of the commands: on one line, with a hint that a person can act on. */
function inOurWords(text: string): string {
  const said = text.replace(/^error: /, '').replace(/\n\(Did you mean (.*)\?\)$/, '. Did you mean $1?');
  const [, word] = /^unknown command '(.*)'$/s.exec(said) ?? [];
  const [, letters] = /^unknown option '-(\w[\w-]+)'$/.exec(said) ?? [];
  if (word !== undefined && existsSync(word)) return `graft: ${said}. To train on it: graft train ${word}`;
  if (letters !== undefined) return `graft: ${said}. Names of options have two dashes: --${letters}`;
  return `graft: ${said}`;
}

/** The command that each one of commander is to be given, when it is used. */
const entries = new WeakMap<Command, CommandEntry>();

function addCommand(program: Command, entry: CommandEntry): void {
  const words = entry.name.split(' ');
  const parent = words.slice(0, -1).reduce(subcommand, program);
  entries.set(parent.command(words.at(-1)!).description(entry.summary), entry);
}

/** Gives a command its arguments, options and action. A group has none. */
async function load(command: Command): Promise<void> {
  const entry = entries.get(command);
  if (!entry) return;
  command.showHelpAfterError(`(\`graft ${entry.name} --help\` shows the options.)`);
  attachCommandLine(command, entry.name, (await commandLines())[entry.name]!);
  command.action(async (...received: unknown[]) => {
    const words = received.slice(0, -2).flat();
    const { json = false, ...given } = command.opts<{ json?: boolean }>();
    const flags = Object.entries(given).filter(([key]) => command.getOptionValueSource(key) === 'cli');
    const { runCommand } = await import('./run-command.ts');
    await runCommand(entry, {
      words: words.filter((word): word is string => typeof word === 'string'),
      flags: Object.fromEntries(flags),
      json,
    });
  });
}

/** The command line of every command by its name, as the build has written them. */
async function commandLines(): Promise<Readonly<Record<string, CommandLine>>> {
  const text = await readFile(packageFile('dist', 'cli', 'commands.json'), 'utf8').catch(() => {
    throw new UserError('The list of commands is missing, which only the whole build writes: npm run build.');
  });
  return JSON.parse(text);
}

/**
 * `graft help train`, `graft data help get`; what is used is loaded. @throws UsageError where there is no such command
 */
function addHelp(parent: Command): void {
  parent
    .helpCommand(false)
    .hook('preSubcommand', (_, command) => load(command))
    .command('help [command...]')
    .description('Shows the help of a command.')
    .action(async (words: string[]) => {
      const path: string[] = [];
      const found = words.reduce((at, word) => {
        const names = at.commands.map((command) => command.name());
        if (!names.includes(word)) throw new UsageError(unknownCommand([...path, word].join(' '), word, names));
        path.push(word);
        return at.commands[names.indexOf(word)]!;
      }, parent);
      await load(found);
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
  const members = commands.flatMap((entry) => (entry.name.startsWith(`${name} `) ? entry.name.split(' ')[1]! : []));
  return parent.command(name).description(`${families[name]}: ${members.join(', ')}.`);
}
