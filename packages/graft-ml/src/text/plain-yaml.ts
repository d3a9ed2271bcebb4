import { UserError } from '@graft-ml/core/internal/base/errors';
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';

const longest = 200_000;
const deepest = 8;

/**
 * The value of a YAML text, or of JSON, which is YAML too. Nothing is executed, and nothing stands for more than it is:
 * references and tags are refused.
 *
 * @param source the file's name, for messages
 * @throws UserError with the file and the line
 */
export function parsePlainYaml(text: string, source: string): unknown {
  if (text.length > longest) throw new UserError(`${source} is too long: over ${longest} characters.`);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: false });
  const at = (offset: number | undefined) => `${source}, line ${lines.linePos(offset ?? 0).line}`;
  const [error] = [...document.errors, ...document.warnings];
  if (error) throw new UserError(`${at(error.pos[0])}: ${error.message}.`);
  const plain = (node: unknown, depth: number): unknown => {
    if (node === null) return null;
    const where = isScalar(node) || isSeq(node) || isMap(node) ? at(node.range?.[0]) : source;
    const isPlain = (isScalar(node) || isSeq(node) || isMap(node)) && !node.anchor && !node.tag;
    if (!isPlain || depth > deepest)
      throw new UserError(`${where}: only plain texts, numbers, lists and maps are read.`);
    if (isScalar(node)) return node.value;
    if (isSeq(node)) return node.items.map((item) => plain(item, depth + 1));
    const entries = node.items.map(({ key, value }) => {
      if (!isScalar(key)) throw new UserError(`${where}: a key that is no text.`);
      return [String(key.value), plain(value, depth + 1)] as const;
    });
    return Object.fromEntries(entries);
  };
  return plain(document.contents, 0);
}
