/*
 * The order of the rooms (docs/architecture.md). A file imports its own room and those before it, and a package those
 * before it; the core reaches nothing of Node, directly or through others. Tests are exempt.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The packages in their order, each with its rooms in theirs, and the npm packages that it may import. */
const house = [
  {
    folder: 'packages/core',
    name: '@graft-ml/core',
    rooms: [
      ...['base', 'graph', 'ops', 'grad', 'runtime', 'nn', 'optim', 'models', 'chart', 'image', 'weights', 'fit'],
      ...['study', 'meta', 'recipe', 'runs', 'evaluate', 'predict', 'export', 'explain', 'entries'],
    ],
    needsNode: false,
  },
  {
    folder: 'packages/graft-ml',
    name: 'graft-ml',
    rooms: [
      ...[
        'files',
        'cache',
        'runtime',
        'text',
        'checkpoint',
        'data',
        'episodes',
        'runs',
        'transfer',
        'meta',
        'jobs',
        'experiment',
        'evaluate',
        'predict',
        'explain',
        'study',
        'report',
        'export',
        'hub',
        'serve',
      ],
      'cli',
      'entries',
    ],
    needsNode: true,
  },
  {
    folder: 'packages/web',
    name: '@graft-ml/web',
    rooms: ['image', 'runtime', 'runs', 'data', 'model', 'train', 'meta', 'predict', 'worker'],
    needsNode: false,
  },
  {
    folder: 'packages/studio',
    name: '@graft-ml/studio',
    rooms: ['ui', 'collection', 'collect', 'train', 'look', 'understand', 'take-away'],
    needsNode: false,
  },
] as const;
type Package = (typeof house)[number];

/** A source file, by its path from the root, with slashes. */
interface Source {
  readonly path: string;
  readonly package: Package;
  /** Undefined for a file that stands in `src/` itself: an entry. */
  readonly room: string | undefined;
}

const specifiers = /\b(?:from|import|import\()\s*'([^']+)'/g;

/** The folder above this script, compiled or not, that holds the packages. */
function repositoryRoot(folder = dirname(fileURLToPath(import.meta.url))): string {
  return existsSync(join(folder, 'packages')) ? folder : repositoryRoot(dirname(folder));
}

function sourcesOf(root: string, each: Package): Source[] {
  return readdirSync(join(root, each.folder, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /(?<!\.test)\.tsx?$/.test(entry.name))
    .map((entry) => {
      const path = relative(root, join(entry.parentPath, entry.name)).split(sep).join('/');
      const inside = path.slice(`${each.folder}/src/`.length).split('/');
      return { path, package: each, room: inside.length > 1 ? inside[0] : undefined };
    });
}

/** Where a specifier leads to in the house; undefined where it is of a package from npm or of Node. */
function pathOf(from: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(from), specifier);
  for (const { name, folder } of house) {
    if (specifier === name) return `${folder}/src/index.ts`;
    if (specifier.startsWith(`${name}/internal/`)) return `${folder}/src/${specifier.slice(name.length + 10)}.ts`;
    if (specifier.startsWith(`${name}/`)) return `${folder}/src/${entryOf(name, specifier.slice(name.length + 1))}`;
  }
  return undefined;
}

/** The file of an entry. Those of a page's package stand in the rooms they are of. */
function entryOf(name: string, entry: string): string {
  return name === '@graft-ml/web' ? `${entry}/index.ts` : `entries/${entry}.ts`;
}

/** Why one file may not import another, or undefined where it may. */
function objection(from: Source, to: Source): string | undefined {
  const arrow = `${from.path} imports ${to.path}`;
  const [own, other] = [house.indexOf(from.package), house.indexOf(to.package)];
  const bringsNode = to.package.needsNode && !from.package.needsNode;
  if (other > own || bringsNode) return `${arrow}: ${from.package.name} may not import ${to.package.name}`;
  if (other < own || from.room === undefined) return undefined;
  const order: readonly string[] = from.package.rooms;
  if (to.room !== undefined && order.indexOf(to.room) <= order.indexOf(from.room)) return undefined;
  return `${arrow}: ${from.room}/ may not import ${to.room ?? 'an entry'}`;
}

function main(): void {
  const root = repositoryRoot();
  const sources = new Map(house.flatMap((each) => sourcesOf(root, each)).map((source) => [source.path, source]));
  const objections: string[] = [];
  let count = 0;
  for (const source of sources.values()) {
    const { path, package: home, room } = source;
    if (room !== undefined && !(home.rooms as readonly string[]).includes(room)) {
      objections.push(`${path} is in no room of ${home.name}: ${home.rooms.join(', ')}`);
    }
    for (const [, specifier] of readFileSync(join(root, path), 'utf8').matchAll(specifiers)) {
      count++;
      const to = pathOf(path, specifier!);
      const target = to === undefined ? undefined : sources.get(to);
      if (target) objections.push(...[objection(source, target) ?? []].flat());
      else if (to && /\.tsx?$/.test(to)) objections.push(`${path} imports ${specifier}, which is not there`);
      else if (!home.needsNode && specifier!.startsWith('node:')) objections.push(`${path} imports ${specifier}`);
    }
  }
  for (const line of objections) console.error(line);
  if (objections.length === 0) console.log(`layers: ${sources.size} files, ${count} imports, in order`);
  process.exitCode = objections.length === 0 ? 0 : 1;
}

main();
