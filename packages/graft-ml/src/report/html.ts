import { printable } from '@graft-ml/core/internal/base/printable';

/** Markup that stands in a page as it is: made by `html`, or trusted by name. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** A value in a template: text is escaped, markup is not, and nothing is left of null, undefined and false. */
export type Content = Markup | string | number | null | undefined | false | readonly Content[];

/**
 * A piece of a page. Every text that is put in, in an element or in a quoted attribute, is escaped: names of files and
 * classes come from elsewhere.
 *
 * @example html`<b title="${name}">${name}</b>`
 */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Markup {
  return new Markup(strings.map((text, i) => text + (i < values.length ? markupOf(values[i]) : '')).join(''));
}

/** Text for an attribute that a program reads: escaped, and otherwise as it is shown. */
export function exact(text: string): Markup {
  return new Markup(withEntities(printable(text)));
}

/** Markup from code of our own: a chart, a style sheet. Never a text from elsewhere. */
export function trusted(text: string): Markup {
  return new Markup(text);
}

function markupOf(value: Content): string {
  if (value === null || value === undefined || value === false) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return escaped(value);
  return value.map(markupOf).join('');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Characters that cannot be seen are shown as escapes, so that no name reads as another one. A number stays on one line
 * with its percent sign.
 */
function escaped(text: string): string {
  return withEntities(printable(text).replace(/(\d) %/g, '$1\u00a0%'));
}

function withEntities(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character]!).replace(/[\ufffe\uffff]/g, '\ufffd');
}
