import { UserError } from '@graft-ml/core/internal/base/errors';
import { quote } from '@graft-ml/core/internal/base/quote';
import { parseShallowJson } from '@graft-ml/core/internal/base/shallow-json';
import { type FileMetaData, parquetSchema, type SchemaTree } from 'hyparquet';
import { z } from 'zod';
import { type ColumnOptions, findColumn } from '../readers/columns.ts';

/** The columns of the images, their names and their classes. */
export interface ParquetColumns {
  /** The column of bytes, or of structs with `bytes` and `path`, as Hugging Face writes them. */
  readonly image: string;
  readonly label: string;
  /** The column of the images' file names, if any. */
  readonly name: string | undefined;
  /** The names that the numbers in `label` stand for. */
  readonly classNames: readonly string[] | undefined;
}

/** The schema of what Hugging Face's `datasets` writes into a file: the columns' types. Others may be there too. */
const featureSchema = z.object({
  info: z.object({ features: z.record(z.string(), z.object({ _type: z.string(), names: z.unknown().optional() })) }),
});
const namesSchema = z.array(z.string().min(1).max(200)).max(1_000_000);

/** The columns that are needed. @throws UserError with the file's columns where one cannot be found */
export function findParquetColumns(metadata: FileMetaData, options: ColumnOptions, file: string): ParquetColumns {
  const columns = parquetSchema(metadata).children;
  const names = columns.map(({ element }) => element.name);
  const features = featuresOf(metadata, file);
  const classLabels = Object.keys(features).filter((name) => features[name]!._type === 'ClassLabel');
  const label = findColumn(
    names,
    'label',
    options.labelColumn ?? (classLabels.length === 1 ? classLabels[0] : undefined),
    file,
  );
  const others = columns.filter(({ element }) => element.name !== label);
  const isNamed = ({ element }: SchemaTree) => element.name === options.pathColumn;
  const candidates = others.filter(options.pathColumn === undefined ? holdsImages : isNamed);
  if (candidates.length !== 1 || !holdsImages(candidates[0]!)) {
    throw new UserError(
      `${file} has the columns ${names.slice(0, 50).map(quote).join(', ')}. Which holds the images? ` +
        'A column of bytes, or of structs with bytes and a path, is needed; `pathColumn` names the one.',
    );
  }
  const texts = others.filter(({ element }) => element.converted_type === 'UTF8').map(({ element }) => element.name);
  const declared = namesSchema.safeParse(features[label]?.names);
  return {
    image: candidates[0]!.element.name,
    label,
    name: findColumn(texts, 'path', undefined, null),
    classNames: declared.data,
  };
}

/** Whether a column holds bytes, or structs with bytes. */
function holdsImages({ element, children }: SchemaTree): boolean {
  if (children.length === 0) return element.type === 'BYTE_ARRAY' && element.converted_type === undefined;
  return children.some((child) => child.element.name === 'bytes' && holdsImages(child));
}

function featuresOf({ key_value_metadata: entries = [] }: FileMetaData, file: string) {
  const json = entries.find(({ key }) => key === 'huggingface')?.value;
  if (json === undefined) return {};
  const parsed = featureSchema.safeParse(parseShallowJson(Buffer.from(json), 64, `The description in ${file}`));
  return parsed.data?.info.features ?? {};
}
