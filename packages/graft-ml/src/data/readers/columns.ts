import { didYouMean } from '@graft-ml/core/internal/base/choice';
import { option } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { quote } from '@graft-ml/core/internal/base/quote';

/** The columns to use, where their names do not show it. */
export interface ColumnOptions {
  /** The column of a table that names the images' files, or that holds the images in a Parquet file. */
  readonly pathColumn?: string;
  /** The column with the class. */
  readonly labelColumn?: string;
  /** The column that says train, val or test. */
  readonly splitColumn?: string;
}

export interface Columns {
  readonly path: string;
  readonly label: string;
  readonly split: string | undefined;
}

/** The usual names of such columns, the more specific first; case, spaces, `_` and `-` do not matter. */
const usualNames = {
  path: [
    'path',
    'filepath',
    'file',
    'filename',
    'image',
    'imagepath',
    'imagefile',
    'imagename',
    'img',
    'imgpath',
    'picture',
    'relativepath',
  ],
  label: ['classname', 'labelname', 'label', 'class', 'category', 'target', 'labels'],
  split: ['split', 'subset', 'partition'],
} as const;

type Use = keyof typeof usualNames;

/** The columns that are needed. @throws UserError with the table's columns where one cannot be found */
export function findColumns(columns: readonly string[], options: ColumnOptions, table: string): Columns {
  const { pathColumn, labelColumn, splitColumn } = options;
  return {
    path: findColumn(columns, 'path', pathColumn, table),
    label: findColumn(columns, 'label', labelColumn, table),
    split: findColumn(columns, 'split', splitColumn, splitColumn === undefined ? null : table),
  };
}

/**
 * The column that is given, or has a usual name. @throws UserError where there is none and `table` is named, which
 * needs one
 */
export function findColumn(columns: readonly string[], use: Use, given: string | undefined, table: string): string;
export function findColumn(
  columns: readonly string[],
  use: Use,
  given: string | undefined,
  table: string | null,
): string | undefined;
export function findColumn(
  columns: readonly string[],
  use: Use,
  given: string | undefined,
  table: string | null,
): string | undefined {
  const found = given === undefined ? usual(columns, use) : columns.find((column) => column === given);
  if (found !== undefined || table === null) return found;
  const has = `${table} has the columns ${columns.slice(0, 50).map(quote).join(', ')}`;
  throw new UserError(
    given === undefined
      ? `${has}. Which is the ${use}? The columns must have names; ${option(`${use}Column`)} says which one it is.`
      : `${has}, and no ${quote(given)}.${didYouMean(given, columns)}`,
  );
}

/** Whether a table has a column for the class. */
export function hasLabelColumn(columns: readonly string[], { labelColumn }: ColumnOptions): boolean {
  return labelColumn !== undefined || usual(columns, 'label') !== undefined;
}

function usual(columns: readonly string[], use: Use): string | undefined {
  const plain = columns.map((column) => column.toLowerCase().replace(/[\s_-]/g, ''));
  const name = usualNames[use].find((candidate) => plain.includes(candidate));
  return name === undefined ? undefined : columns[plain.indexOf(name)];
}
