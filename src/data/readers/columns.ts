import { didYouMean } from '../../base/choice.ts';
import { UserError } from '../../base/errors.ts';
import { quote } from '../../base/quote.ts';

/** Which columns to use, where their names do not say it. */
export interface ColumnOptions {
  /** The column of a table that names the pictures' files, or that holds the pictures in a Parquet file. */
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

/** What such columns are called, the more telling names first; case, spaces, `_` and `-` do not matter. */
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

/** The columns that are needed. @throws UserError with the table's columns where one cannot be found */
export function findColumns(columns: readonly string[], options: ColumnOptions, table: string): Columns {
  return {
    path: needed('path', options.pathColumn),
    label: needed('label', options.labelColumn),
    split: options.splitColumn === undefined ? usual(columns, 'split') : needed('split', options.splitColumn),
  };

  function needed(use: keyof typeof usualNames, given: string | undefined): string {
    const has = `${table} has the columns ${columns.slice(0, 50).map(quote).join(', ')}`;
    if (given !== undefined) {
      if (columns.includes(given)) return given;
      throw new UserError(`openDataset: ${has}, and no ${quote(given)}.${didYouMean(given, columns)}`);
    }
    const found = usual(columns, use);
    if (found !== undefined) return found;
    throw new UserError(
      `openDataset: ${has}. Which is the ${use}? Its first line must name the columns; --${use}-column names the one.`,
    );
  }
}

/** Whether a table says of itself what the pictures' classes are. */
export function hasLabelColumn(columns: readonly string[], { labelColumn }: ColumnOptions): boolean {
  return labelColumn !== undefined || usual(columns, 'label') !== undefined;
}

function usual(columns: readonly string[], use: keyof typeof usualNames): string | undefined {
  const plain = columns.map((column) => column.toLowerCase().replace(/[\s_-]/g, ''));
  const name = usualNames[use].find((candidate) => plain.includes(candidate));
  return name === undefined ? undefined : columns[plain.indexOf(name)];
}
