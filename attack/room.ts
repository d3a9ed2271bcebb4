import { createHash, randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Folders of one case. Only `out`, `cache` and `temporary` may change. */
export interface Room {
  readonly root: string;
  /** What the sender made. */
  readonly given: string;
  /** What the user would miss. */
  readonly canary: string;
  readonly home: string;
  /** The working directory. */
  readonly work: string;
  readonly out: string;
  readonly cache: string;
  readonly temporary: string;
  /** Stands in the canary's files, and has no business elsewhere. */
  readonly secret: string;
  /** Writes a file below `given` and returns its path. */
  give(name: string, content: string | Uint8Array): string;
}

const watched = ['given', 'canary', 'home', 'work'] as const;

export function makeRoom(root: string): Room {
  const folder = (name: string) => join(root, name);
  const room: Room = {
    root,
    given: folder('given'),
    canary: folder('canary'),
    home: folder('home'),
    work: folder('work'),
    out: folder('out'),
    cache: folder('cache'),
    temporary: folder('temporary'),
    secret: `canary-${randomBytes(8).toString('hex')}`,
    give(name, content) {
      const path = join(room.given, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content);
      return path;
    },
  };
  for (const name of [...watched, 'out', 'cache', 'temporary']) mkdirSync(folder(name), { recursive: true });
  for (const [name, text] of Object.entries({ '.bashrc': '# ', 'thesis.txt': '', 'deep/keys.json': '' })) {
    const path = join(room.canary, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${text}${room.secret}\n`);
  }
  writeFileSync(join(room.home, '.profile'), `# ${room.secret}\n`);
  return room;
}

/** Path to what is there: kind, permissions, time of the last change, and content. */
export type Snapshot = ReadonlyMap<string, string>;

const MOST_CHANGES = 5;
const MOST_HASHED = 64 * 2 ** 20;

export function snapshot(folders: readonly string[]): Snapshot {
  const found = new Map<string, string>();
  // Names need not be text: each character stands for a byte.
  const visit = (path: string) => {
    const place = Buffer.from(path, 'latin1');
    const stats = lstatSync(place, { bigint: true });
    // Reading a folder or a file changes neither of these.
    const facts = [stats.mode.toString(8), stats.isDirectory() ? '' : `${stats.size} bytes, changed ${stats.mtimeNs}`];
    if (stats.isSymbolicLink()) facts.push(readlinkSync(place, 'latin1'));
    if (stats.isFile() && stats.size <= MOST_HASHED) {
      facts.push(createHash('sha256').update(readFileSync(place)).digest('hex'));
    }
    found.set(path, facts.join(' '));
    if (stats.isDirectory()) for (const name of readdirSync(place, 'latin1')) visit(join(path, name));
  };
  for (const folder of folders) visit(Buffer.from(folder).toString('latin1'));
  return found;
}

export function snapshotRoom(room: Room): Snapshot {
  return snapshot(watched.map((name) => room[name]));
}

/** What differs, in words. */
export function changes(before: Snapshot, after: Snapshot, root: string): string[] {
  const name = (path: string) => JSON.stringify(path.slice(root.length + 1));
  const others = [...before].filter(([path, facts]) => after.get(path) !== facts);
  const added = [...after.keys()].filter((path) => !before.has(path));
  const all = [
    ...others.map(([path]) => `${after.has(path) ? 'changed' : 'removed'} ${name(path)}`),
    // What is in a new folder is new.
    ...added.filter((path) => !added.includes(dirname(path))).map((path) => `wrote ${name(path)}`),
  ];
  return all.length > MOST_CHANGES ? [...all.slice(0, MOST_CHANGES), `and ${all.length - MOST_CHANGES} more`] : all;
}

/** Files below `folder`, links not followed. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}
