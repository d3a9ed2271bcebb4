import * as z from 'zod';

/** One option, read off its schema: flags, help, configuration files and their comments are all made from this. */
export interface OptionInfo {
  readonly key: string;
  /** `structured`: more than a text, a number or a choice. */
  readonly type: 'string' | 'number' | 'boolean' | 'structured';
  readonly description: string;
  /** The table's default; null where the run chooses, as the description says. */
  readonly default: unknown;
  /** The allowed values in words: `sgd | adam`, `integer ≥ 1`, `text | null`. */
  readonly allowed: string;
}

interface Property {
  readonly type?: string | readonly string[];
  readonly anyOf?: readonly Property[];
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly exclusiveMaximum?: number;
  readonly description?: string;
  readonly default?: unknown;
  readonly expected?: string;
}

/** The options of a table, in its order. */
export function optionsOf(schema: z.ZodObject): OptionInfo[] {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as {
    properties?: Record<string, Property>;
  };
  return Object.entries(properties).map(([key, property]) => {
    const parts = property.anyOf ?? [property].flat();
    const types = parts.flatMap(({ type = [] }) => type);
    const named = parts.find(({ type }) => type !== 'null') ?? property;
    const isNumber = types.includes('number') || types.includes('integer');
    const isText = types.includes('string') || named.enum !== undefined;
    const type = types.includes('boolean') ? 'boolean' : isNumber ? 'number' : isText ? 'string' : 'structured';
    const allowed = allowedText(type, types.includes('integer'), named);
    return {
      key,
      type,
      description: property.description ?? '',
      default: property.default ?? null,
      allowed: types.includes('null') ? `${allowed} | null` : allowed,
    };
  });
}

function allowedText(type: OptionInfo['type'], isInteger: boolean, property: Property): string {
  if (property.enum) return property.enum.join(' | ');
  if (type === 'structured') return property.expected ?? 'anything';
  if (type !== 'number') return type === 'boolean' ? 'true | false' : 'text';
  const { minimum, exclusiveMinimum, maximum, exclusiveMaximum } = property;
  const bounds = [
    ...(minimum === undefined ? [] : [`≥ ${minimum}`]),
    ...(exclusiveMinimum === undefined ? [] : [`> ${exclusiveMinimum}`]),
    ...(maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? [] : [`≤ ${maximum}`]),
    ...(exclusiveMaximum === undefined ? [] : [`< ${exclusiveMaximum}`]),
  ];
  return `${isInteger ? 'integer' : 'number'} ${bounds.join(', ')}`.trimEnd();
}
