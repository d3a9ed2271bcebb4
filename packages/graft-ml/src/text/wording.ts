import { OptionError } from '@graft-ml/core/internal/base/errors';
import { kebabCase } from '@graft-ml/core/internal/base/kebab-case';
import { textHelpOf, textOf } from './options.ts';

/** Rewords a message of the library for the command line: options as flags, and its functions as commands. */
export function inCommands(text: string): string {
  return text.replace(/`([^`\n]+)`/g, (whole, code: string) => spoken(code) ?? whole);
}

/** The message of an error in the words of the command line. */
export function messageInCommands(error: Error): string {
  return inCommands(error instanceof OptionError ? error.messageOf(flagOf(error.option)) : error.message);
}

/** The description of an option, for a reader who writes it as text. */
export function describeAsText(key: string, description: string): string {
  const [what = '', ...others] = description.split(';');
  return inCommands([`${what}${textHelpOf(key)}`, ...others].join(';'));
}

/** `learningRate` → `--learning-rate` */
export function flagOf(key: string): string {
  return `--${kebabCase(key)}`;
}

/** A command line of `graft`: its words quoted where a shell needs it, and options as flags. */
export function commandLine(
  command: string,
  words: readonly string[],
  options: Readonly<Record<string, unknown>> = {},
): string {
  const given = Object.entries(options).map(([key, value]) =>
    value === false ? ` --no-${kebabCase(key)}` : flags({ [key]: value }),
  );
  return `graft ${command}${words.map((word) => ` ${argument(word)}`).join('')}${given.join('')}`;
}

/** A parsed call: its texts in order, the names that stand for a value, and its options. */
interface Call {
  readonly texts: readonly string[];
  readonly names: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

/** The commands that do what functions of the library do. */
const commands: Readonly<Record<string, (call: Call) => string>> = {
  // All is what the command lists by itself.
  listModels: ({ texts: [pattern = '**'], options }) =>
    `models${pattern === '**' ? '' : ` ${argument(pattern)}`}${flags(options)}`,
  'model.parameters': () => 'inspect <model>',
  parameterBlocks: () => 'inspect <model> --blocks',
  trainFolder: (call) => begun('train', call),
  trainMeta: (call) => begun('meta train', call),
  resumeTraining: (call) => resumed('train', call),
  resumeFolds: (call) => resumed('train', call),
  resumeMeta: (call) => resumed('meta train', call),
  resumeComparison: (call) => resumed('meta compare', call),
  resumeStudy: (call) => resumed('sweep', call),
  adaptMeta: ({ texts: [run] }) => (run === undefined ? 'meta adapt' : `meta adapt ${argument(run)} <folder>`),
  testMeta: ({ texts: [run = '<run>'] }) => `meta test ${argument(run)} <folder>`,
  writeMetaReport: ({ texts: [run = '<run>'] }) => `report ${argument(run)} --data <folder>`,
  evaluateFolder: () => 'evaluate',
  calibrateRun: ({ texts: [run = '<run>'] }) => `calibrate ${argument(run)}`,
  writeCleanCopy: ({ texts: [folder = '<folder>'] }) => `doctor ${argument(folder)} --fix-to <new folder>`,
  'classifier.features': () => 'features',
};

function begun(command: string, { names, options }: Call): string {
  const { out } = options;
  const isRepeated = names.includes('run.config') && typeof out === 'string';
  return `${command} ${isRepeated ? `--config ${argument(`${out}/run.json`)}` : '<folder>'}${flags(options)}`;
}

function resumed(command: string, { texts: [run = '<run>'], options }: Call): string {
  return `${command} --resume ${argument(run)}${flags(options)}`;
}

/** Fields of options that have a flag of their own. */
const fields: Readonly<Record<string, string>> = { 'calibration.count': 'calibrationCount' };

/** Code as the core writes it (base/code.ts), for a shell; undefined where it is no option and no known call. */
function spoken(code: string): string | undefined {
  if (Object.hasOwn(fields, code)) return flagOf(fields[code]!);
  if (/^[a-z][A-Za-z0-9]*$/.test(code)) return flagOf(code);
  const [, key, value] = /^([a-z][A-Za-z0-9]*): (.+)$/.exec(code) ?? [];
  if (key !== undefined && value !== undefined) return flags({ [key]: valueIn(value) }).trimStart();
  const [, name, rest] = /^([a-zA-Z.]+)\((.*)\)$/.exec(code) ?? [];
  if (name === undefined || rest === undefined || !Object.hasOwn(commands, name)) return undefined;
  return `\`graft ${commands[name]!(readCall(rest))}\``;
}

const text = '"(?:[^"\\\\]|\\\\.)*"';

function readCall(code: string): Call {
  const [, before = '', after = ''] = new RegExp(`^((?:${text}|[^"{])*)(?:\\{ (.*) \\})?$`).exec(code) ?? [];
  const parts = before.match(new RegExp(`${text}|[^\\s,()"]+`, 'g')) ?? [];
  const pairs = [...after.matchAll(new RegExp(`(\\w+): (${text}|\\[[^\\]]*\\]|[^\\s,]+)`, 'g'))];
  return {
    texts: parts.filter((part) => part.startsWith('"')).map((part) => String(valueIn(part))),
    names: parts.filter((part) => !part.startsWith('"')),
    options: Object.fromEntries(pairs.map(([, key, value]) => [key, valueIn(value!)])),
  };
}

/** A value that stands in code; what is no JSON stands for one that the reader knows. */
function valueIn(code: string): unknown {
  try {
    return JSON.parse(code);
  } catch {
    return code.toUpperCase();
  }
}

function flags(options: Readonly<Record<string, unknown>>): string {
  return Object.entries(options)
    .map(([key, value]) =>
      value === true ? ` ${flagOf(key)}` : ` ${flagOf(key)} ${argument(textOf(key, value) ?? String(value))}`,
    )
    .join('');
}

/** Quoted where a shell would not take it as it is. */
function argument(value: string): string {
  return /^[\w./:@%+=,<>~-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
