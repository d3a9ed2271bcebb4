import { type Command, type Help, Option } from 'commander';
import { byGroup, type CommandLine, type Flag } from './command-line.ts';
import { textWidth } from './output.ts';

/** Examples below the options that a person begins with. */
const fewExamples = 5;

/** The content of one size of help. */
interface View {
  readonly options: readonly Option[];
  readonly examples: readonly string[];
  /** Command lines that show what is left out, and what that is. */
  readonly more: readonly (readonly [line: string, shows: string])[];
}

/**
 * Gives a command its arguments and options, and help in three sizes: `--help` shows those that a person begins with,
 * `--help all` every one under the heading of its group, and `--help data` one group. Where a command names none to
 * begin with, `--help` shows them all.
 */
export function attachCommandLine(command: Command, name: string, line: CommandLine): void {
  const always = [
    new Option('--json', 'print the result as JSON'),
    line.basic
      ? new Option('-h, --help [all]', 'show this help, or with every option')
      : new Option('-h, --help', 'show this help'),
  ];
  const views = viewsOf(name, line, always);
  let view = views.basic;
  for (const { syntax, description } of line.arguments) command.argument(syntax, description);
  command.helpOption(false);
  for (const option of [...line.flags.flatMap(optionsOf), ...always]) command.addOption(option);
  command
    .configureHelp({ visibleOptions: () => [...view.options] })
    .addHelpText('after', () => textBelow(view, command.createHelp()))
    .on('option:help', (which: unknown) => {
      view = views.others.get(String(which)) ?? views.basic;
      command.help();
    });
}

/** A flag, and its other names, which stand in its description. */
function optionsOf(flag: Flag): Option[] {
  return [optionOf(flag), ...flag.aliases.map((syntax) => new Option(syntax).hideHelp())];
}

function optionOf({ syntax, description, defaultText }: Flag): Option {
  return new Option(syntax, defaultText ? `${description} (default: ${defaultText})` : description);
}

/** `model` → `Model:` */
function headingOf(group: string): string {
  return `${group[0]!.toUpperCase()}${group.slice(1)}:`;
}

/** The help that a person begins with, and under `all` and the names of the groups the others. */
function viewsOf(
  name: string,
  { basic, flags, examples }: CommandLine,
  always: readonly Option[],
): { basic: View; others: ReadonlyMap<string, View> } {
  const sections = [...byGroup(flags)].map(([group, own]) => ({
    group,
    options: own.map((flag) => optionOf(flag).helpGroup(headingOf(group ?? 'options'))),
  }));
  const all: View = { options: [...always, ...sections.flatMap(({ options }) => options)], examples, more: [] };
  if (!basic) return { basic: all, others: new Map() };
  const grouped = sections.flatMap(({ group, options }) => (group === null ? [] : [{ group, options }]));
  const chosen = Object.entries(basic).flatMap(([key, description]) => {
    const flag = flags.find((each) => each.key === key);
    return flag ? [optionOf({ ...flag, description })] : [];
  });
  const more = [
    [`graft ${name} --help all`, `every option (${flags.length})`],
    [`graft ${name} --help <group>`, `one group: ${grouped.map(({ group }) => group).join(', ')}`],
  ] as const;
  return {
    basic: { options: [...chosen, ...always], examples: examples.slice(0, fewExamples), more },
    others: new Map<string, View>([
      ...grouped.map(({ group, options }) => [group, { options, examples: [], more: [] }] as const),
      ['all', all],
    ]),
  };
}

/** The text below the options. */
function textBelow({ examples, more }: View, help: Help): string {
  help.prepareContext({ helpWidth: textWidth() });
  const width = Math.max(...more.map(([line]) => line.length));
  const sections = [
    ['Examples:', ...examples.map((line) => `  $ ${line}`)],
    ['More options:', ...more.map(([line, shows]) => help.formatItem(line, width, shows, help))],
  ];
  const shown = sections.filter((lines) => lines.length > 1);
  return shown.map((lines) => `\n${lines.join('\n')}`).join('\n');
}
