/*
 * In the help of an option, the choices that it applies to and their defaults, from the tables that have them.
 */

const conjunction = new Intl.ListFormat('en-GB', { type: 'conjunction' });

/** `sgd, adam and lion` */
export const listed = (names: Iterable<string>) => conjunction.format(names);

type Values = Iterable<readonly [name: string, value: number | boolean | string]>;

/** `for sgd and adagrad 0.01, for lion 0.0001` */
export function exceptionsText(values: Values): string {
  return [...byValue(values)].map(([value, names]) => `for ${listed(names)} ${valueText(value)}`).join(', ');
}

/** `0.001, for sgd and adagrad 0.01, for lion 0.0001`: the value that most have stands first. */
export function defaultsText(values: Values): string {
  const groups = [...byValue(values)].sort(([, a], [, b]) => b.length - a.length);
  const usual = groups[0]?.[0];
  if (usual === undefined) throw new Error('defaultsText: there are no values');
  const others = [...values].filter(([, value]) => value !== usual);
  return others.length === 0 ? valueText(usual) : `${valueText(usual)}, ${exceptionsText(others)}`;
}

function byValue(values: Values): Map<number | boolean | string, string[]> {
  const names = new Map<number | boolean | string, string[]>();
  for (const [name, value] of values) names.set(value, [...(names.get(value) ?? []), name]);
  return names;
}

function valueText(value: number | boolean | string): string {
  return typeof value === 'number' && value > 0 && value < 1e-4 ? value.toExponential() : String(value);
}
