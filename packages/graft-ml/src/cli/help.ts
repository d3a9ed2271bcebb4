import { type Command, type Help, Option } from 'commander';
import type { CommandDefinition } from './command.ts';
import { commanderOptions, type Flag, flagsOf, optionText } from './flags.ts';
import { helpWidth } from './output.ts';

/** The group of options that belong to none. */
export const noGroup = 'options';

/** `model` → `Model` */
function headingOf(group: string): string {
  return `${group[0]!.toUpperCase()}${group.slice(1)}`;
}

/** Examples below the options that a person begins with. */
const fewExamples = 5;

/** The flags of a command by the names of its groups, in the order of its table. */
export function byGroup<F extends Pick<Flag, 'key'>>(
  flags: readonly F[],
  groups: CommandDefinition['groups'] = {},
): Map<string, F[]> {
  const sections = new Map<string, F[]>();
  for (const flag of flags) {
    const [group = noGroup] = Object.entries(groups).find(([, options]) => flag.key in options) ?? [];
    sections.set(group, [...(sections.get(group) ?? []), flag]);
  }
  return sections;
}

/** The content of one size of help. */
interface View {
  readonly options: readonly Option[];
  readonly examples: readonly string[];
  /** Command lines that show what is left out, and what that is. */
  readonly more: readonly (readonly [line: string, shows: string])[];
}

/**
 * Gives a command its options, and help in three sizes: `--help` shows those that a person begins with, `--help all`
 * every one under the heading of its group, and `--help data` one group. Where a command names none to begin with,
 * `--help` shows them all.
 */
export function attachOptions(command: Command, name: string, definition: CommandDefinition): void {
  const flags = flagsOf(definition.options);
  const always = [
    new Option('--json', 'print the result as JSON'),
    definition.basic
      ? new Option('-h, --help [all]', 'show this help, or with every option')
      : new Option('-h, --help', 'show this help'),
  ];
  const views = viewsOf(name, definition, flags, always);
  let view = views.basic;
  command.helpOption(false);
  for (const option of [...flags.flatMap(commanderOptions), ...always]) command.addOption(option);
  command
    .configureHelp({ visibleOptions: () => [...view.options] })
    .addHelpText('after', () => textBelow(view, command.createHelp()))
    .on('option:help', (which: unknown) => {
      view = views.others.get(String(which)) ?? views.basic;
      command.help();
    });
}

/** The help that a person begins with, and under `all` and the names of the groups the others. */
function viewsOf(
  name: string,
  { basic, groups, examples }: CommandDefinition,
  flags: readonly Flag[],
  always: readonly Option[],
): { basic: View; others: ReadonlyMap<string, View> } {
  const sections = [...byGroup(flags, groups)].map(([group, own]) => ({
    group,
    options: own.map((flag) => new Option(flag.syntax, optionText(flag)).helpGroup(`${headingOf(group)}:`)),
  }));
  const all: View = { options: [...always, ...sections.flatMap(({ options }) => options)], examples, more: [] };
  if (!basic) return { basic: all, others: new Map() };
  const own = sections.map(({ group, options }) => [group, { options, examples: [], more: [] }] as const);
  const chosen = Object.entries(basic).flatMap(([key, description]) => {
    const flag = flags.find((each) => each.key === key);
    return flag && description !== undefined ? [new Option(flag.syntax, optionText({ ...flag, description }))] : [];
  });
  const names = sections.map(({ group }) => group).filter((group) => group !== noGroup);
  const more = [
    [`graft ${name} --help all`, `every option (${flags.length})`],
    [`graft ${name} --help <group>`, `one group: ${names.join(', ')}`],
  ] as const;
  return {
    basic: { options: [...chosen, ...always], examples: examples.slice(0, fewExamples), more },
    others: new Map<string, View>([...own, ['all', all]]),
  };
}

/** The text below the options. */
function textBelow({ examples, more }: View, help: Help): string {
  help.prepareContext({ helpWidth: helpWidth() });
  const width = Math.max(...more.map(([line]) => line.length));
  const sections = [
    ['Examples:', ...examples.map((line) => `  $ ${line}`)],
    ['More options:', ...more.map(([line, shows]) => help.formatItem(line, width, shows, help))],
  ];
  const shown = sections.filter((lines) => lines.length > 1);
  return shown.map((lines) => `\n${lines.join('\n')}`).join('\n');
}
