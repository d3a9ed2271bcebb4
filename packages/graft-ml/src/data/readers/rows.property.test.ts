import { csvCell } from '@graft-ml/core/internal/base/csv';
import { UserError } from '@graft-ml/core/internal/base/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mutantOf, seeded } from '../../../../../test/arbitrary.ts';
import { openTable } from './rows.ts';

/** A text of a cell; blanks around it are no part of it. */
const cell = fc
  .string({ unit: 'grapheme', maxLength: 10 })
  .filter((text) => text === text.trim() && !/[\r\0]/.test(text));
const columns = ['file', 'label', 'split'] as const;
const anyRows = fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 6 });

async function textsOf(bytes: Uint8Array): Promise<(readonly string[])[]> {
  const table = await openTable(bytes, 'table');
  const rows: (readonly string[])[] = [];
  for await (const { texts } of table.rows(columns)) rows.push(texts);
  return rows;
}

const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;

describe('a table', () => {
  it.each([',', ';', '\t'])('of CSV with %j between cells has the texts that were written', (separator) =>
    fc.assert(
      fc.asyncProperty(anyRows, async (rows) => {
        const lines = rows.map((row) => row.map(quoted).join(separator));
        expect(await textsOf(Buffer.from([columns.join(separator), ...lines].join('\n')))).toEqual(rows);
      }),
      seeded(60),
    ),
  );

  it('of JSON Lines has the texts that were written', () =>
    fc.assert(
      fc.asyncProperty(anyRows, async (rows) => {
        const lines = rows.map((row) => JSON.stringify(Object.fromEntries(columns.map((name, i) => [name, row[i]]))));
        expect(await textsOf(Buffer.from(lines.join('\n')))).toEqual(rows);
      }),
      seeded(100),
    ));

  it.each([
    ['CSV', 'file,label,split\na/1.png,"a, ""b""",train\nb/2.png,b,\n'],
    ['JSON Lines', '{"file": "a/1.png", "label": "a"}\n{"file": "b/2.png", "label": "b", "split": null}\n'],
  ])('of %s that is damaged is read or refused', (_, text) =>
    fc.assert(
      fc.asyncProperty(mutantOf(Buffer.from(text)), async (mutant) => {
        await textsOf(mutant).catch((error: unknown) => expect(error).toBeInstanceOf(UserError));
      }),
      seeded(300),
    ),
  );
});

it.each([
  ['cells', `file,label\n${','.repeat(2e6)}`],
  ['columns', `${','.repeat(2e6)}\na,b\n`],
])('more %s in a line than a table can have are refused before they are made', async (_, text) => {
  await expect(textsOf(Buffer.from(text))).rejects.toThrow(/Line [12] of table is longer than a row can be/);
});

it('a cell of ours is read back, and none is a formula', () =>
  fc.assert(
    fc.asyncProperty(cell, async (text) => {
      const written = csvCell(text);
      expect(written).not.toMatch(/^"?[=+\-@]/);
      const [row] = await textsOf(Buffer.from(`file,label,split\n${written},x,y\n`));
      expect(row?.[0]?.replace(/^'/, '')).toBe(text.replace(/^'/, ''));
    }),
    seeded(150),
  ));
