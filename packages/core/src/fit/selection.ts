import { didYouMean } from '../base/choice.ts';
import { call, placeholder } from '../base/code.ts';
import { OptionError } from '../base/errors.ts';
import { globMatcher } from '../base/glob.ts';
import { printableName } from '../base/printable.ts';
import type { Shape } from '../base/tensor.ts';
import { under } from '../nn/scope.ts';

/** The names that patterns over parameters refer to. */
export interface ParameterTable {
  /** The shape of every parameter by its name, from input to head. */
  readonly parameters: ReadonlyMap<string, Shape>;
  /** The variables of each block, from input to head. */
  readonly blocks: ReadonlyMap<string, readonly string[]>;
  /** The parameters that are made anew for other classes. */
  readonly head: ReadonlySet<string>;
}

/**
 * The parameters that a pattern means: `all` (or `*`), `head`, a block (`layer4`), the dotted beginning of names
 * (`layer4.0`; never a part of a word: `fc` is not `fc1`), or a glob over whole names (`*.bn?.weight`).
 *
 * @throws OptionError of `option` where it means none
 */
export function selected(option: string, pattern: string, table: ParameterTable): ReadonlySet<string> {
  if (typeof pattern !== 'string') {
    throw new OptionError({ option, expected: 'a name or pattern of parameters: "head", "layer4"', received: pattern });
  }
  const { blocks, head } = table;
  const parameters = [...table.parameters.keys()];
  if (pattern === 'all' || pattern === '*') return new Set(parameters);
  if (pattern === 'head') return head;
  const block = blocks.get(pattern);
  if (block) return new Set(block.filter((name) => table.parameters.has(name)));
  const looksLikeGlob = /[*?[\]{}!()]/.test(pattern);
  // Dots are ordinary characters in a glob: `layer4.*` is everything below layer4.
  const glob = looksLikeGlob ? globMatcher(pattern, { dots: true }) : null;
  const names = parameters.filter((name) => (glob ? glob(name) : name === pattern || under(pattern).test(name)));
  if (names.length > 0) return new Set(names);
  const known = [...new Set(['all', 'head', ...blocks.keys(), ...parameters.flatMap(beginnings)])];
  const expected = 'all, head, a block, the dotted beginning of names or a glob';
  const lists = `${call('model.parameters')} lists the names, ${call('parameterBlocks', [placeholder('model')])} the blocks`;
  throw new OptionError({
    option,
    expected,
    received: pattern,
    problem:
      `: no parameter is called "${printableName(pattern)}".${didYouMean(pattern, known)} Expected ${expected}; ` +
      `${lists}.`,
  });
}

/** `a.b.c` → `a`, `a.b`, `a.b.c` */
function beginnings(name: string): string[] {
  const parts = name.split('.');
  return parts.map((_, i) => parts.slice(0, i + 1).join('.'));
}
