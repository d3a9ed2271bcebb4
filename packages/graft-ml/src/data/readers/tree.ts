import { UserError } from '@graft-ml/core/internal/base/errors';
import type { FileTree } from '../tree/listing.ts';
import { readClassFolders } from './class-folders.ts';
import { hasLabelColumn } from './columns.ts';
import type { Found, ReaderOptions } from './found.ts';
import { partsByName } from './layout.ts';
import { readByPattern } from './pattern.ts';
import { openTable, tableBounds } from './rows.ts';
import { readTables, type TableFile } from './table.ts';

/** The files that Hugging Face's `imagefolder` takes for descriptions of the others. */
const metadataNames: readonly string[] = ['metadata.csv', 'metadata.jsonl'];

/** Whether a file says what the files beside it are. */
export function isMetadata(name: string): boolean {
  return metadataNames.includes(name);
}

/**
 * Reads a folder, or an archive: by an expression on the names, by its `metadata.csv` or `metadata.jsonl` where that has a
 * column for the class, else by its folders.
 */
export async function readTree(tree: FileTree, options: ReaderOptions): Promise<Found> {
  if (options.labelRegex !== undefined) return readByPattern(tree, options.labelRegex, options);
  const tables = await findMetadata(tree, options);
  if (tables.length > 0) return readTables(tree, tables, options);
  if (options.pathColumn !== undefined || options.labelColumn !== undefined || options.splitColumn !== undefined) {
    throw new UserError(
      `Columns are named, but ${tree.root} has no ${metadataNames.join(' or ')}. Name the table itself.`,
    );
  }
  return readClassFolders(tree, options);
}

/** The tables of a tree, in its root or in the folders of its splits, as far as they say what the classes are. */
async function findMetadata(tree: FileTree, options: ReaderOptions): Promise<TableFile[]> {
  const parts = partsByName(tree.root, await tree.folders(), options.parts);
  const found: TableFile[] = [];
  for (const name of metadataNames) {
    if (await labels(tree, name, options)) return [{ name }];
    for (const part of parts.filter(({ split }) => split !== undefined)) {
      const inPart = `${part.name}/${name}`;
      if (await labels(tree, inPart, options)) found.push({ name: inPart, part });
    }
  }
  const described = found.map(({ part }) => part!.name);
  const bare = parts.filter(({ name }) => !described.includes(name));
  if (found.length > 0 && bare.length > 0) {
    throw new UserError(
      `In ${tree.root}, ${described.join(', ')} say what their images are in ${metadataNames.join(' or ')}, ` +
        `and ${bare.map(({ name }) => name).join(', ')} do not.`,
    );
  }
  return found;
}

async function labels(tree: FileTree, name: string, options: ReaderOptions): Promise<boolean> {
  const file = await tree.find(name);
  if ('kind' in file) return false;
  const { columns } = await openTable(await tree.read(file, tableBounds.bytes), name);
  return hasLabelColumn(columns, options);
}
