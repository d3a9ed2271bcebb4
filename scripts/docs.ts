/*
 * Writes docs/cli.md from the commands' option tables. `--check` only says whether it is up to date.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { byGroup } from 'graft-ml/internal/cli/command-line';
import { type CommandEntry, commands } from 'graft-ml/internal/cli/commands/index';
import { commandLineOf } from 'graft-ml/internal/cli/flags';

const path = 'docs/cli.md';

async function section({ name, summary, load }: CommandEntry): Promise<string> {
  const { arguments: positionals, flags, examples } = commandLineOf(await load());
  const usage = ['graft', name, '[options]', ...positionals.map(({ syntax }) => syntax)].join(' ');
  const sections = byGroup(flags);
  const own = sections.get(null) ?? [];
  return [
    `## graft ${name}`,
    summary,
    `\`\`\`\n${usage}\n\`\`\``,
    table([...positionals, ...own, { syntax: '--json', description: 'print the result as JSON' }]),
    ...[...sections].flatMap(([group, each]) => (group ? [`### graft ${name}: ${group}`, table(each)] : [])),
    `\`\`\`sh\n${examples.join('\n')}\n\`\`\``,
  ].join('\n\n');
}

function table(rows: readonly { syntax: string; description: string; defaultText?: string }[]): string {
  const lines = rows.map(
    ({ syntax, description, defaultText = '' }) =>
      `| \`${syntax}\` | ${asMarkdown(description)} | ${asMarkdown(defaultText)} |`,
  );
  return ['| | | default |', '|---|---|---|', ...lines].join('\n');
}

/** A bar would end the cell; outside of code `<model>` would be a tag that nobody sees, and two stars emphasis. */
function asMarkdown(description: string): string {
  return description.replace(/`[^`]*`|[<*|\\]/g, (found) =>
    found.startsWith('`') ? found.replaceAll('|', '\\|') : `\\${found}`,
  );
}

const text = [
  '# The command line',
  'Made from the option tables by `npm run docs`. Results go to stdout, progress to stderr. Of a command with many options `--help` shows ' +
    'those that a person begins with, `--help all` every one, and `--help <group>` one group.',
  [
    'Exit status: 0 done, 1 failed, 2 used wrongly; 130 interrupted by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP, each after a ' +
      'checkpoint (Node does not know that `nohup` was there; what is to outlive a terminal starts with `setsid`).',
    'Where the reader of stdout goes away (`| head`), a command that writes a run, a model or other files goes on to its end ' +
      'without a word, and any other ends at once; the status is 141 either way, as after SIGPIPE. A stream that cannot be ' +
      'written to for another reason (a full disk) makes it 1. Progress that nobody reads changes nothing.',
  ].join(' '),
  ...(await Promise.all(commands.map(section))),
].join('\n\n');

if (process.argv.includes('--check')) {
  if (readFileSync(path, 'utf8') !== `${text}\n`) {
    console.error(`${path} is out of date: npm run docs`);
    process.exitCode = 1;
  }
} else {
  writeFileSync(path, `${text}\n`);
}
