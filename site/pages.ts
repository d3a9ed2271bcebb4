/*
 * Which files of the repository are pages of the site, in what order, and where their links lead. Nothing here knows
 * VitePress: the configuration makes the site of it, and a test checks it without building the site.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { slug } from 'github-slugger';
import MarkdownIt, { type Token } from 'markdown-it';

export interface Page {
  /** The file, from the root of the repository: `docs/guide/README.md`. */
  readonly source: string;
  /** The page, from the root of the site: `guide/index.md`. */
  readonly route: string;
  readonly title: string;
}

export interface Group {
  readonly title: string;
  readonly pages: readonly Page[];
}

/** An item of VitePress's sidebar. */
export interface Item {
  text: string;
  link?: string;
  items?: Item[];
}

/** Where the listing of names is for who reads the repository, and the reference made of the doc comments on the site. */
const apiListing = 'docs/api';
export const apiRoute = 'api/index.md';

/** A folder that the page of its examples is made of. */
const examplesIndex = 'examples';

/** The pages that do not come first because of their name, in their order. */
const start = [
  ...['start', 'data', 'training', 'weights', 'few-shot', 'rank', 'studies', 'compare', 'workers'],
  ...['typescript', 'browser', 'studio', 'export', 'serve', 'hub'],
].map((name) => `docs/${name}.md`);
const project = [
  'docs/architecture.md',
  'docs/performance.md',
  'docs/scale.md',
  'bench/README.md',
  'docs/sizes.md',
  'docs/dependencies.md',
];
const aroundProject = ['CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'packages/graft-ml/assets/README.md'];

/** All pages but the home page and the API, by group. A new file of docs/ is a page without anything being changed here. */
export function readGroups(root: string): Group[] {
  const docs = markdownIn(root, 'docs');
  const named = [...start, ...project];
  const groups = [
    ['Start', start.filter((file) => docs.includes(file))],
    ['Guide', markdownIn(root, 'docs/guide')],
    ['Cookbook', markdownIn(root, 'docs/cookbook')],
    ['Examples', [examplesIndex, ...examplesIn(root)]],
    ['Reference', docs.filter((file) => !named.includes(file))],
    ['Project', [...project, ...aroundProject]],
  ] as const;
  return groups
    .map(([title, files]) => ({ title, pages: files.map((source) => pageOf(root, source)) }))
    .filter(({ pages }) => pages.length > 0);
}

export const homeOf = (root: string): Page => ({ ...pageOf(root, 'README.md'), route: 'index.md' });

function examplesIn(root: string): string[] {
  const names = readdirSync(join(root, examplesIndex)).filter((name) => name.endsWith('.ts'));
  return names.sort().map((name) => `${examplesIndex}/${name}`);
}

/** The Markdown files of a folder: its README, those that it links to in that order, and the others by name. */
function markdownIn(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  const names = readdirSync(join(root, folder)).filter((name) => name.endsWith('.md') && name !== 'README.md');
  names.sort();
  const readme = join(root, folder, 'README.md');
  if (existsSync(readme)) {
    const index = readFileSync(readme, 'utf8');
    const placeOf = (name: string) => {
      const place = index.indexOf(`](${name})`);
      return place === -1 ? index.length : place;
    };
    names.sort((a, b) => placeOf(a) - placeOf(b));
    names.unshift('README.md');
  }
  return names.map((name) => `${folder}/${name}`);
}

function pageOf(root: string, source: string): Page {
  if (source === examplesIndex) return { source, route: 'examples/index.md', title: 'Examples' };
  const text = readFileSync(join(root, source), 'utf8');
  if (source.endsWith('.ts')) {
    const name = posix.basename(source, '.ts');
    return { source, route: `examples/${name}.md`, title: exampleTitle(name) };
  }
  const title = /^# (.+)$/m.exec(text)?.[1]?.replaceAll('`', '');
  if (title === undefined) throw new Error(`${source} has no title: a line that begins with "# ".`);
  return { source, route: routeOf(source), title };
}

/** `maml-by-hand` as "MAML by hand", `multi-label` as "Multi-label". */
function exampleTitle(name: string): string {
  const words = name
    .replace(/^(maml|boil)-/, (learner) => learner.toUpperCase())
    .replace(/(?<!^(fine|meta|multi))-/g, ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function routeOf(source: string): string {
  if (source === 'bench/README.md') return 'benchmarks.md';
  if (source === 'packages/graft-ml/assets/README.md') return 'assets.md';
  const name = source.replace(/^docs\//, '').replace(/README\.md$/, 'index.md');
  return name.includes('/') ? name : name.toLowerCase();
}

/** The address of a page in the sidebar. */
const linkOf = (route: string) => `/${route.replace(/(^|\/)index\.md$/, '$1').replace(/\.md$/, '')}`;

/**
 * A sidebar for every folder, by the path that its pages begin with. A group that is a folder shows its pages in its own
 * sidebar; in the others it is one link. (VitePress's groups that fold are buttons within buttons to a screen reader.)
 */
export function docsSidebars(groups: readonly Group[]): Record<string, Item[]> {
  const sidebarOf = (open: string) =>
    groups.map(({ title, pages }) =>
      folderOf(pages) === '/' || folderOf(pages) === open
        ? { text: title, items: pages.map((page) => ({ text: page.title, link: linkOf(page.route) })) }
        : { text: title, link: linkOf(pages[0]!.route) },
    );
  return Object.fromEntries(groups.map(({ pages }) => [folderOf(pages), sidebarOf(folderOf(pages))]));
}

/** The folder that all of these pages are in: `/guide/`, or `/` for those of the root. */
function folderOf(pages: readonly Page[]): string {
  const folder = posix.dirname(pages[0]!.route);
  return folder === '.' ? '/' : `/${folder}/`;
}

/** The text of a page, whose links lead to files of the repository. */
export function markdownOf(root: string, page: Page): string {
  if (page.source === examplesIndex) return examplesMarkdown(root);
  if (page.source.endsWith('.ts')) return exampleMarkdown(root, page);
  return readFileSync(join(root, page.source), 'utf8');
}

/** An example as a page: its comment is the text, the rest the program. */
function exampleMarkdown(root: string, { source, title }: Page): string {
  const { comment, program } = readExample(root, source);
  return `# ${title}\n\n${comment}\n\n\`${source}\`\n\n\`\`\`ts\n${program}\n\`\`\`\n`;
}

function examplesMarkdown(root: string): string {
  const rows = examplesIn(root).map((source) => {
    const [about = ''] = readExample(root, source).comment.split('\n\n');
    return `- [${pageOf(root, source).title}](${posix.basename(source)}): ${about.replaceAll('\n', ' ')}`;
  });
  return `# Examples\n\nWhole programs, which the tests run.\n\n${rows.join('\n')}\n`;
}

function readExample(root: string, source: string): { comment: string; program: string } {
  const code = readFileSync(join(root, source), 'utf8');
  const [whole = '', comment = ''] = /^\/\*\*?([\s\S]*?)\*\/\n*/.exec(code) ?? [];
  const lines = comment.split('\n').map((line) => line.replace(/^ \* ?/, ''));
  return { comment: lines.join('\n').trim(), program: code.slice(whole.length).trimEnd() };
}

export type Target =
  /** A page of the site, and the heading on it. */
  | { readonly kind: 'page'; readonly route: string; readonly anchor: string }
  /** A file that the site has a copy of, such as an image. */
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'missing' };

/** Where a link or the address of an image in a file leads. */
export function followLink(root: string, pages: readonly Page[], source: string, link: string): Target {
  if (/^[a-z][a-z+.-]*:/i.test(link)) return { kind: 'elsewhere' };
  const [path = '', anchor = ''] = decodeURI(link).split('#');
  const folder = source === examplesIndex ? source : posix.dirname(source);
  const file = path === '' ? source : posix.join(folder, path).replace(/\/$/, '');
  if (file === apiListing || file.startsWith(`${apiListing}/`)) return { kind: 'page', route: apiRoute, anchor: '' };
  const page = pages.find((each) => each.source === file || each.source === `${file}/README.md`);
  if (page) return { kind: 'page', route: page.route, anchor };
  if (!file.startsWith('..') && existsSync(join(root, file)) && statSync(join(root, file)).isFile()) {
    return { kind: 'file', file };
  }
  return { kind: 'missing' };
}

const markdown = new MarkdownIt({ html: true });

function* tokensOf(tokens: readonly Token[]): Generator<Token> {
  for (const token of tokens) {
    yield token;
    yield* tokensOf(token.children ?? []);
  }
}

/** The addresses of the links and images of a text. */
export function linksIn(text: string): string[] {
  const addresses = [...tokensOf(markdown.parse(text, {}))].map(
    (token) => token.attrGet('href') ?? token.attrGet('src'),
  );
  return addresses.filter((address) => address !== null);
}

/** The anchors of the headings of a text, as GitHub and the site make them. */
function anchorsIn(text: string): Set<string> {
  const tokens = markdown.parse(text, {});
  const found = new Set<string>();
  tokens.forEach((token, i) => {
    if (token.type !== 'heading_open') return;
    const words = (tokens[i + 1]?.children ?? []).filter(({ type }) => type === 'text' || type === 'code_inline');
    const base = anchorOf(words.map(({ content }) => content).join(''));
    let anchor = base;
    for (let n = 1; found.has(anchor); n++) anchor = `${base}-${n}`;
    found.add(anchor);
  });
  return found;
}

/** The anchor of a heading, without regard to others of the same words. */
export const anchorOf = (heading: string) => slug(heading);

/** The links and images of all pages that lead nowhere, as sentences. */
export function deadLinks(root: string): string[] {
  const pages = [homeOf(root), ...readGroups(root).flatMap((group) => group.pages)];
  const texts = new Map(pages.map((page) => [page.route, markdownOf(root, page)]));
  const anchors = new Map([...texts].map(([route, text]) => [route, anchorsIn(text)]));
  return pages.flatMap((page) =>
    linksIn(texts.get(page.route)!).flatMap((link) => {
      const target = followLink(root, pages, page.source, link);
      if (target.kind === 'missing') return [`${page.source}: ${link} is not in the repository`];
      if (target.kind !== 'page' || target.anchor === '') return [];
      return anchors.get(target.route)?.has(target.anchor) ? [] : [`${page.source}: ${link}: no such heading there`];
    }),
  );
}
