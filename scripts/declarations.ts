/*
 * Built declaration files as modules: what they declare, and where a name leads to through imports and exports. Read
 * with oxc's parser, which comes with rolldown: TypeScript 7 has no JavaScript API.
 */
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type ESTree, parseSync } from 'rolldown/utils';

export interface Manifest {
  /** The package's folder. */
  readonly place: string;
  readonly name: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly private?: boolean;
}

const json = (file: string) => JSON.parse(readFileSync(file, 'utf8'));

/** The packages of this repository that are published. */
export const manifests: readonly Manifest[] = (json('package.json') as { workspaces: string[] }).workspaces
  .map((place) => ({ place, ...(json(join(place, 'package.json')) as Omit<Manifest, 'place'>) }))
  .filter((manifest) => !manifest.private);

/** A declaration, and the file that it stands in. */
export interface Declared {
  readonly name: string;
  readonly file: string;
  /** Several where a function has overloads. */
  readonly nodes: readonly ESTree.Node[];
}

/** A name of another module. */
interface Link {
  readonly from: string;
  readonly name: string;
}

interface Module {
  readonly source: string;
  readonly comments: readonly ESTree.Span[];
  readonly declared: Map<string, Declared>;
  readonly imported: Map<string, Link>;
  /** What it exports: the name of a local, or a link. */
  readonly exported: Map<string, string | Link>;
  readonly stars: string[];
}

/** The file of declarations that a specifier leads to; undefined for a package that is not of this repository. */
function fileOf(specifier: string, importer: string): string | undefined {
  const declarations = (path: string) => path.replace(/\.[jt]s$/, '.d.ts');
  if (specifier.startsWith('.')) return declarations(resolve(dirname(importer), specifier));
  for (const { place, name, exports } of manifests) {
    const key = specifier === name ? '.' : `.${specifier.slice(name.length)}`;
    if (specifier !== name && !specifier.startsWith(`${name}/`)) continue;
    const path = exports[key] ?? exports['./internal/*']?.replace('*', key.slice('./internal/'.length));
    return path && declarations(resolve(place, path));
  }
  return undefined;
}

const textOfName = (name: ESTree.ModuleExportName) => (name.type === 'Literal' ? name.value : name.name);

/** The names that a statement declares. */
function namesOf(declaration: ESTree.Declaration): (readonly [string, ESTree.Node])[] {
  if (declaration.type === 'VariableDeclaration') {
    return declaration.declarations.flatMap((each) =>
      each.id.type === 'Identifier' ? [[each.id.name, each] as const] : [],
    );
  }
  return 'id' in declaration && declaration.id?.type === 'Identifier' ? [[declaration.id.name, declaration]] : [];
}

const modules = new Map<string, Module>();

function open(file: string): Module {
  const known = modules.get(file);
  if (known) return known;
  const source = readFileSync(file, 'utf8');
  const { program, comments, errors } = parseSync(file, source, { lang: 'dts' });
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]!.message}`);
  const [declared, imported, exported] = [new Map<string, Declared>(), new Map<string, Link>(), new Map()];
  const module: Module = { source, comments, declared, imported, exported, stars: [] };
  modules.set(file, module);
  const declare = (declaration: ESTree.Declaration) =>
    namesOf(declaration).map(([name, node]) => {
      declared.set(name, { name, file, nodes: [...(declared.get(name)?.nodes ?? []), node] });
      return name;
    });
  for (const statement of program.body) {
    if (statement.type === 'ImportDeclaration') {
      for (const each of statement.specifiers) {
        const name = each.type === 'ImportSpecifier' ? textOfName(each.imported) : '*';
        imported.set(each.local.name, { from: statement.source.value, name });
      }
    } else if (statement.type === 'ExportAllDeclaration') {
      module.stars.push(statement.source.value);
    } else if (statement.type === 'ExportNamedDeclaration') {
      for (const name of statement.declaration ? declare(statement.declaration) : []) exported.set(name, name);
      for (const { local, exported: as } of statement.specifiers) {
        const name = textOfName(local);
        exported.set(textOfName(as), statement.source ? { from: statement.source.value, name } : name);
      }
    } else if (/Declaration$|^TSDeclareFunction$/.test(statement.type)) {
      declare(statement as ESTree.Declaration);
    }
  }
  return module;
}

function follow({ from, name }: Link, importer: string): Declared | undefined {
  const file = fileOf(from, importer);
  return file === undefined ? undefined : exportOf(file, name);
}

/** The declaration that a name within a file means; undefined where it is of another package or of the language. */
export function lookUp(name: string, file: string): Declared | undefined {
  const { declared, imported } = open(file);
  const link = imported.get(name);
  return declared.get(name) ?? (link && follow(link, file));
}

function exportOf(file: string, name: string): Declared | undefined {
  const { exported, stars } = open(file);
  const known = exported.get(name);
  if (typeof known === 'string') return lookUp(known, file);
  if (known) return follow(known, file);
  return stars.map((from) => follow({ from, name }, file)).find((each) => each !== undefined);
}

/** The names that a file exports, those of `export *` among them, each with its declaration. */
export function exportsOf(file: string): Map<string, Declared> {
  const { exported, stars } = open(file);
  const all = new Map<string, Declared>();
  for (const from of stars) {
    const target = fileOf(from, file);
    for (const [name, each] of target ? exportsOf(target) : []) all.set(name, each);
  }
  for (const name of exported.keys()) {
    const found = exportOf(file, name);
    if (!found) throw new Error(`${file}: ${name} leads nowhere; npm run build`);
    all.set(name, found);
  }
  return all;
}

/** The nodes within a node, itself first. */
export function* nodesIn(node: ESTree.Node): Generator<ESTree.Node> {
  yield node;
  for (const [key, value] of Object.entries(node)) {
    if (key === 'parent') continue;
    for (const each of [value].flat()) if (typeof each?.type === 'string') yield* nodesIn(each);
  }
}

/** The source of a node, without comments and without the given parts of it. */
export function sourceOf(node: ESTree.Node, file: string, without: readonly ESTree.Node[] = []): string {
  const { source, comments } = open(file);
  let text = '';
  let at = node.start;
  const gaps = [...comments, ...without].filter(({ start, end }) => start >= node.start && end <= node.end);
  for (const { start, end } of gaps.sort((a, b) => a.start - b.start)) {
    text += source.slice(at, Math.max(at, start));
    at = Math.max(at, end);
  }
  return (text + source.slice(at, node.end)).replace(/^\s*\n/gm, '');
}
