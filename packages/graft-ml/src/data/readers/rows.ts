import { Readable } from 'node:stream';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { parseShallowJson } from '@graft-ml/core/internal/base/shallow-json';
import { CsvError, parse } from 'csv-parse';

/** Bounds on a table. */
export const tableBounds = { bytes: 2 ** 28, recordBytes: 2 ** 20, rows: 5_000_000 } as const;

/** One row: the texts of the columns that were asked for, '' where it has none. */
export interface Row {
  /** The line in the file, from 1 on. */
  readonly line: number;
  readonly texts: readonly string[];
}

/** A table whose columns are known and whose rows are still to be read. */
export interface Table {
  readonly columns: readonly string[];
  rows(columns: readonly string[]): AsyncIterable<Row>;
}

/**
 * Reads CSV, with commas, semicolons or tabs, or JSON Lines. @throws UserError with `name` and the line where it is
 * neither
 */
export async function openTable(bytes: Uint8Array, name: string): Promise<Table> {
  const text = decode(bytes, name);
  if (/^\s*\[/.test(text)) {
    throw new UserError(`${name} is one JSON array. Write it as JSON Lines, one object a line.`);
  }
  const table = /^\s*\{/.test(text) ? jsonLines(text, name) : await csv(text, name);
  if (table.columns.length === 0) throw new UserError(`${name} has no columns.`);
  return table;
}

function decode(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new UserError(`${name} is not UTF-8 text. Save it again as UTF-8.`, { cause });
  }
}

async function csv(text: string, name: string): Promise<Table> {
  assertShortLines(text, name);
  const delimiter = delimiterOf(text.slice(0, text.search(/[\r\n]|$/)));
  async function* records(): AsyncGenerator<{ record: string[]; info: { lines: number } }> {
    const parser = Readable.from([text]).pipe(
      parse({
        delimiter,
        info: true,
        trim: true,
        skip_empty_lines: true,
        relax_column_count: true,
        max_record_size: tableBounds.recordBytes,
      }),
    );
    try {
      yield* parser;
    } catch (error) {
      if (!(error instanceof CsvError)) throw error;
      throw new UserError(`${name} is not sound CSV: ${error.message}.`, { cause: error });
    } finally {
      parser.destroy();
    }
  }
  let columns: readonly string[] = [];
  for await (const { record } of records()) {
    columns = record;
    break;
  }
  return {
    columns,
    async *rows(wanted) {
      const places = wanted.map((column) => columns.indexOf(column));
      let isHeader = true;
      for await (const { record, info } of bounded(records(), name)) {
        if (!isHeader) yield { line: info.lines, texts: places.map((i) => record[i] ?? '') };
        isHeader = false;
      }
    },
  };
}

/** The parser counts what is in the cells of a record, and millions of empty ones hold nothing. */
function assertShortLines(text: string, name: string): void {
  for (let start = 0, line = 1, i = 0; i < text.length; i++) {
    const isEnd = text[i] === '\n' || text[i] === '\r';
    if (isEnd) start = i + 1;
    if (text[i] === '\n') line++;
    if (i - start >= tableBounds.recordBytes) {
      throw new UserError(`Line ${line} of ${name} is longer than a row can be.`);
    }
  }
}

/** The separator that the header has most of. */
function delimiterOf(header: string): string {
  const count = (separator: string) => header.split(separator).length;
  return [',', ';', '\t'].reduce((best, separator) => (count(separator) > count(best) ? separator : best));
}

function jsonLines(text: string, name: string): Table {
  function* objects(): Generator<{ value: object; line: number }> {
    for (let start = 0, line = 1; start < text.length; line++) {
      const newline = text.indexOf('\n', start);
      const end = newline < 0 ? text.length : newline;
      const what = `Line ${line} of ${name}`;
      if (end - start > tableBounds.recordBytes) throw new UserError(`${what} is longer than a row can be.`);
      const json = text.slice(start, end).trim();
      start = end + 1;
      if (json !== '') yield { value: parseShallowJson(Buffer.from(json), 32, what), line };
    }
  }
  const first = objects().next().value;
  return {
    columns: first ? Object.keys(first.value) : [],
    async *rows(wanted) {
      for await (const { value, line } of bounded(objects(), name)) {
        const entries = new Map<string, unknown>(Object.entries(value));
        yield { line, texts: wanted.map((column) => plainText(entries.get(column))) };
      }
    },
  };
}

function plainText(value: unknown): string {
  const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  return isPlain ? String(value).trim() : '';
}

async function* bounded<T>(items: AsyncIterable<T> | Iterable<T>, name: string): AsyncGenerator<T> {
  let count = 0;
  for await (const item of items) {
    if (++count > tableBounds.rows) throw new UserError(`${name} has more than ${tableBounds.rows} rows.`);
    yield item;
  }
}
