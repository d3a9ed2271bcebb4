/*
 * Lays out what VitePress makes the site of: the pages of the repository as they are, TypeDoc's with an import line,
 * and copies of the files that pages show and link to.
 */
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { copyOf } from './markdown.ts';
import { docsSidebars, followLink, homeOf, type Item, linksIn, markdownOf, type Page, readGroups } from './pages.ts';

export interface Stage {
  readonly pages: readonly Page[];
  /** By the path that a page begins with. */
  readonly sidebars: Record<string, Item[]>;
}

/** Writes the folder `pages` of the site anew, which VitePress reads. */
export function stage(root: string): Stage {
  const site = join(root, 'site');
  const folder = join(site, 'pages');
  rmSync(folder, { recursive: true, force: true });
  const groups = readGroups(root);
  const pages = [homeOf(root), ...groups.flatMap((group) => group.pages)];
  for (const page of pages) {
    const text = markdownOf(root, page);
    write(join(folder, page.route), page.route === 'index.md' ? `${homeFrontmatter}${text}` : text);
    for (const link of linksIn(text)) {
      const target = followLink(root, pages, page.source, link);
      if (target.kind !== 'file') continue;
      const copy = join(folder, 'public', copyOf(target.file));
      mkdirSync(dirname(copy), { recursive: true });
      copyFileSync(join(root, target.file), copy);
    }
  }
  cpSync(join(site, 'public'), join(folder, 'public'), { recursive: true });
  const modules = readModules(join(site, '.typedoc'));
  for (const [path, text] of apiPages(join(site, '.typedoc'), modules)) write(join(folder, 'api', path), text);
  return { pages, sidebars: { ...docsSidebars(groups), ...apiSidebars(modules) } };
}

const homeFrontmatter = '---\nsidebar: false\naside: false\neditLink: false\npageClass: home\n---\n\n';

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** An entry of a package as TypeDoc has written it. */
interface Module {
  /** As it is imported: `graft-ml/nn`. */
  readonly name: string;
  /** Its names by kind: `functions`, `interfaces`, … */
  readonly kinds: ReadonlyMap<string, readonly string[]>;
}

const kindTitles = {
  classes: 'Classes',
  functions: 'Functions',
  variables: 'Constants',
  interfaces: 'Interfaces',
  'type-aliases': 'Types',
} as const;
type Kind = keyof typeof kindTitles;
const isKind = (name: string): name is Kind => name in kindTitles;

/** The entries in the order of their index page. */
function readModules(typedoc: string): Module[] {
  const index = readFileSync(join(typedoc, 'index.md'), 'utf8');
  return [...index.matchAll(/^\| \[([^\]]+)\]\(([^)]+)\/index\.md\)/gm)].map(([, name, path]) => {
    const folder = join(typedoc, path!);
    const names = (kind: Kind) => readdirSync(join(folder, kind)).map((file) => file.replace(/\.md$/, ''));
    const kinds = readdirSync(folder).filter(isKind);
    const ordered = Object.keys(kindTitles)
      .filter(isKind)
      .filter((kind) => kinds.includes(kind));
    return { name: name!, kinds: new Map(ordered.map((kind) => [kind, names(kind)])) };
  });
}

/** TypeDoc's pages as those of the site. */
function* apiPages(typedoc: string, modules: readonly Module[]): Generator<[path: string, text: string]> {
  yield [
    'index.md',
    readFileSync(join(typedoc, 'index.md'), 'utf8').replace('## Modules\n\n', '').replace('Module |', 'Import from |'),
  ];
  for (const { name, kinds } of modules) {
    const index = posix.join(name, 'index.md');
    yield [index, shortReferences(readFileSync(join(typedoc, index), 'utf8'))];
    for (const [kind, names] of kinds) {
      for (const each of names) {
        const path = posix.join(name, kind, `${each}.md`);
        yield [path, withImport(readFileSync(join(typedoc, path), 'utf8'), kind, each, name)];
      }
    }
  }
}

/** TypeDoc gives a name that another entry documents a heading and a line of its own; a list of links is enough. */
function shortReferences(text: string): string {
  const [own = '', references] = text.split('## References\n');
  if (references === undefined) return text;
  const links = [...references.matchAll(/Re-exports (\[[^\]]+\]\([^)]+\))/g)].map(([, link]) => link!);
  return `${own}## Documented elsewhere\n\n${links.join(', ')}\n`;
}

function withImport(text: string, kind: string, name: string, module: string): string {
  const type = kind === 'interfaces' || kind === 'type-aliases' ? 'type ' : '';
  const code = `\`\`\`ts\nimport { ${type}${name} } from '${module}';\n\`\`\``;
  return `---\ntitle: "${name} · ${module}"\npageClass: api\n---\n\n${text.replace(/^(# .*)\n/, `$1\n\n${code}\n`)}`;
}

/** A sidebar for each entry: all entries, and the names of this one. (One with all names would be in every page.) */
function apiSidebars(modules: readonly Module[]): Record<string, Item[]> {
  const entry = ({ name }: Module): Item => ({ text: name, link: `/api/${name}/` });
  const sidebarOf = (open?: Module): Item[] => [
    {
      text: 'API',
      link: '/api/',
      items: modules.map((each) => ({ ...entry(each), ...(each === open && namesOf(each)) })),
    },
  ];
  return Object.fromEntries([
    // VitePress takes the longest path that fits: the entries of topics before those of whole packages.
    ...modules.map((each) => [`/api/${each.name}/`, sidebarOf(each)] as const),
    ['/api/', sidebarOf()],
  ]);
}

function namesOf({ name, kinds }: Module): { items: Item[] } {
  return {
    items: [...kinds].map(([kind, names]) => ({
      text: kindTitles[kind as Kind],
      items: names.map((each) => ({ text: each, link: `/api/${name}/${kind}/${each}` })),
    })),
  };
}
