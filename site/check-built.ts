/*
 * Looks through the built pages for what VitePress does not check: anchors, images, and anything that would be loaded
 * from another host.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

const attribute = /<(\w+)[^>]*?\s(href|src)="([^"]*)"[^>]*>/g;

/** @throws Error with all that is wrong, a line each */
export function checkBuilt(folder: string): void {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.html'));
  const texts = new Map(files.map((name) => [join(folder, name), readFileSync(join(folder, name), 'utf8')]));
  const ids = new Map(
    [...texts].map(([file, text]) => [file, new Set([...text.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id!))]),
  );
  const wrong: string[] = [];
  for (const [file, text] of texts) {
    for (const [tag, element, , address] of text.matchAll(attribute)) {
      const problem = problemOf(folder, file, ids, element!, address!.replaceAll('&amp;', '&'));
      if (problem) wrong.push(`${relative(folder, file)}: ${problem} (${tag.slice(0, 120)})`);
    }
  }
  if (wrong.length > 0)
    throw new Error(`${wrong.length} dead links or foreign files:\n${[...new Set(wrong)].join('\n')}`);
}

function problemOf(
  folder: string,
  file: string,
  ids: ReadonlyMap<string, ReadonlySet<string>>,
  element: string,
  address: string,
): string | null {
  if (/^(https?:)?\/\//.test(address)) return element === 'a' ? null : 'loaded from another host';
  if (/^(data|mailto):/.test(address)) return null;
  const [path, anchor] = decodeURI(address).split('#');
  const target = path === '' ? file : fileOf(folder, join(path!.startsWith('/') ? folder : join(file, '..'), path!));
  if (target === null) return 'no such file';
  if (!anchor || !target.endsWith('.html')) return null;
  return ids.get(target)?.has(anchor) ? null : 'no such heading';
}

function fileOf(folder: string, path: string): string | null {
  if (!existsSync(path)) return null;
  if (!statSync(path).isDirectory()) return path;
  const index = join(path, 'index.html');
  return existsSync(index) && index.startsWith(folder) ? index : null;
}
