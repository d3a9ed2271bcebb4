import { printableJson } from './printable.ts';

/** A value that an option is given in a message. */
export type CodeValue = string | number | boolean | readonly CodeValue[] | { readonly [key: string]: CodeValue };

/** Stands for an argument whose value the reader knows: `folder`, `model`. */
export class Placeholder {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

export type CodeOptions = Readonly<Record<string, CodeValue | Placeholder>>;

/**
 * An option in a message: `` `epochs` ``, or `` `strategy: "full"` `` where a value is proposed. A command line that
 * shows the message reads it again by `readCode`, and says a flag.
 */
export function option(key: string, value?: CodeValue | Placeholder): string {
  return `\`${value === undefined ? key : `${key}: ${written(value)}`}\``;
}

/** A call in a message, its options last: `` `resumeTraining("runs/x", { from: "best" })` ``. */
export function call(
  name: string,
  parts: readonly (CodeValue | Placeholder)[] = [],
  options: CodeOptions = {},
): string {
  const given = Object.entries(options).map(([key, value]) => `${key}: ${written(value)}`);
  const all = [...parts.map(written), ...(given.length > 0 ? [`{ ${given.join(', ')} }`] : [])];
  return `\`${name}(${all.join(', ')})\``;
}

/** A place in a snippet of code where the reader puts a value of their own. */
export function placeholder(name: string): Placeholder {
  return new Placeholder(name);
}

/** Backquotes would end the code. */
function written(value: CodeValue | Placeholder): string {
  if (value instanceof Placeholder) return value.name;
  return printableJson(value).replaceAll('`', '\\u0060');
}
