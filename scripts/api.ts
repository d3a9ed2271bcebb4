/*
 * Writes docs/api/, every public name with its type, from the built declaration files. With `--check` it writes nothing
 * and says what has changed. Two things are mistakes either way: a public declaration that names a type which no entry
 * exports, and one that nobody can read because its type was inferred.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ESTree } from 'rolldown/utils';
import { type Declared, exportsOf, lookUp, type Manifest, manifests, nodesIn, sourceOf } from './declarations.ts';

interface Entry {
  /** As it is imported: `graft-ml/nn`. */
  readonly name: string;
  readonly isRoot: boolean;
  readonly exports: ReadonlyMap<string, Declared>;
}

/** The entries of a package. `internal/*` makes no promise, so it is not among them. */
function entriesOf({ place, name, exports }: Manifest): Entry[] {
  return Object.entries(exports)
    .filter(([key, file]) => !key.includes('*') && file.endsWith('.js'))
    .map(([key, file]) => ({
      name: name + key.slice(1),
      isRoot: key === '.',
      exports: exportsOf(resolve(place, file.replace(/\.js$/, '.d.ts'))),
    }));
}

const alphabetical = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) =>
  a.localeCompare(b, 'en', { sensitivity: 'base' }) || (a < b ? -1 : 1);

/** The members of a class that are no one else's business. */
function privateMembers(node: ESTree.Node): ESTree.Node[] {
  if (node.type !== 'ClassDeclaration') return [];
  return node.body.body.filter(
    (member) =>
      ('accessibility' in member && member.accessibility === 'private') ||
      ('key' in member && member.key.type === 'PrivateIdentifier'),
  );
}

/** A declaration as it is listed: without comments, `declare`, and what is private. */
function textsOf({ nodes, file }: Declared): string[] {
  return nodes.map((node) => {
    const text = sourceOf(node, file, privateMembers(node)).replace(/^declare /, '');
    const whole = node.type === 'VariableDeclarator' ? `const ${text};` : text;
    return whole.replace(/^( {4})+/gm, (indent) => ' '.repeat(indent.length / 2));
  });
}

/** The types, classes and constants of this repository that a declaration names. */
function namedIn({ nodes, file }: Declared): Set<Declared> {
  const found = new Set<Declared>();
  for (const node of nodes) {
    const hidden = new Set(privateMembers(node).flatMap((member) => [...nodesIn(member)]));
    for (const each of nodesIn(node)) {
      const name =
        each.type === 'TSTypeReference'
          ? each.typeName
          : each.type === 'TSTypeQuery'
            ? each.exprName
            : each.type === 'TSInterfaceHeritage' || each.type === 'TSClassImplements'
              ? each.expression
              : each.type === 'ClassDeclaration'
                ? each.superClass
                : null;
      const named = name?.type === 'Identifier' && !hidden.has(each) ? lookUp(name.name, file) : undefined;
      if (named) found.add(named);
    }
  }
  return found;
}

const entries = manifests.flatMap(entriesOf);

/**
 * The entry where a name is listed in full: that of its topic, of the core where a package adds to one of the core's.
 */
const homes = new Map<Declared, Entry>();
for (const entry of [...entries].sort((a, b) => Number(a.isRoot) - Number(b.isRoot))) {
  for (const declared of entry.exports.values()) if (!homes.has(declared)) homes.set(declared, entry);
}

function mistakes(): string[] {
  return [...homes].flatMap(([declared, { name }]) => {
    const inferred = textsOf(declared)
      .join('\n')
      .match(/\bimport\("[^)]*|\bReturnType<typeof \w+|\bz\.\w+/)?.[0];
    const unreadable = inferred
      ? [`${name}: declare the type of ${declared.name}, which is inferred (${inferred}).`]
      : [];
    const hidden = [...namedIn(declared)].filter((each) => !homes.has(each));
    return [...unreadable, ...hidden.map((each) => `${name}: ${declared.name} names ${each.name}; export that, too.`)];
  });
}

function sectionOf(entry: Entry): string {
  const own: string[] = [];
  const elsewhere = new Map<string, string[]>();
  for (const [name, declared] of [...entry.exports].sort(alphabetical)) {
    const home = homes.get(declared)!;
    if (home === entry) own.push(...textsOf(declared));
    else elsewhere.set(home.name, [...(elsewhere.get(home.name) ?? []), name]);
  }
  const others = [...elsewhere].sort(alphabetical).map(([home, names]) => {
    const isAll = entries.some(({ name, exports }) => name === home && exports.size === names.length);
    return isAll ? `All of \`${home}\`.` : `Of \`${home}\`: ${names.map((name) => `\`${name}\``).join(', ')}.`;
  });
  const listing = own.length > 0 ? [`\`\`\`ts\n${own.join('\n')}\n\`\`\``] : [];
  return [`## ${entry.name}`, ...others, ...listing].join('\n\n');
}

/** The path and the text of a package's listing. */
function listingOf({ name }: Manifest): [path: string, text: string] {
  const introduction =
    'Every public name with its type, by entry; made from the declaration files by `npm run api`. What each is and does is said in its ' +
    'doc comment. Whatever is not here, `internal/*` above all, may change from one version to the next.';
  const sections = entries.filter((entry) => entry.name === name || entry.name.startsWith(`${name}/`)).map(sectionOf);
  const path = join('docs', 'api', `${name.replace(/^.*\//, '')}.md`);
  return [path, `${[`# ${name}`, introduction, ...sections].join('\n\n')}\n`];
}

/** The lines that two texts do not have in common, each with its sign, up to a screenful. */
function difference(before: string, now: string): string {
  const [old, fresh] = [before, now].map((text) => text.split('\n'));
  const lines = [
    ...old!.filter((line) => !fresh!.includes(line)).map((line) => `- ${line}`),
    ...fresh!.filter((line) => !old!.includes(line)).map((line) => `+ ${line}`),
  ];
  return [...lines.slice(0, 40), ...(lines.length > 40 ? [`and ${lines.length - 40} lines more`] : [])].join('\n');
}

const problems = mistakes();
for (const [path, text] of manifests.map(listingOf)) {
  const before = existsSync(path) ? readFileSync(path, 'utf8') : '';
  if (before === text) continue;
  if (process.argv.includes('--check')) {
    problems.push(
      `${path} is out of date. If the public names should change: npm run api\n${difference(before, text)}`,
    );
  } else {
    mkdirSync(join('docs', 'api'), { recursive: true });
    writeFileSync(path, text);
  }
}
for (const line of problems) console.error(line);
const count = homes.size;
if (problems.length === 0) console.log(`api: ${count} public names in ${entries.length} entries`);
process.exitCode = problems.length === 0 ? 0 : 1;
