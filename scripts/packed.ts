/*
 * The packages as they would be published, and a project that has installed them from the registry.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

function npm(args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync('npm', args, {
    cwd,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new Error(`npm ${args[0]}: ${stderr}`);
  return stdout.trim();
}

/** Packs every published package of the repository into a folder. @returns the tarballs' paths, in the workspaces' order */
export function packAll(root: string, folder: string): string[] {
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { workspaces: string[] };
  const published = workspaces.filter(
    (place) => !JSON.parse(readFileSync(join(root, place, 'package.json'), 'utf8')).private,
  );
  const places = published.map((place) => `--workspace=${place}`);
  const packed = npm(['pack', '--silent', '--offline', ...places, '--pack-destination', folder], root);
  return packed.split('\n').map((name) => join(folder, name));
}

/** Whether npm's registry answers. */
export function isRegistryThere(folder: string): boolean {
  try {
    npm(['view', 'zod', 'name', '--fetch-retries=0', '--fetch-timeout=10000'], folder);
    return true;
  } catch {
    return false;
  }
}

/** Installs tarballs into an empty folder, and from the registry what they depend on. Runs no script of any package. */
export function install(tarballs: readonly string[], project: string): void {
  const manifest = { name: 'consumer', version: '1.0.0', private: true, type: 'module' };
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest));
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-omit-lockfile-registry-resolved'];
  npm(['install', ...quiet, ...tarballs], project);
}

function bytesIn(folder: string, without: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name);
    if (entry.name === without) return sum;
    return sum + (entry.isDirectory() ? bytesIn(path, without) : statSync(path).size);
  }, 0);
}

/** The bytes of the files of each installed package, the largest first. */
export function installedSizes(project: string): [name: string, bytes: number][] {
  const { packages } = JSON.parse(readFileSync(join(project, 'node_modules', '.package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, object>>;
  };
  return Object.keys(packages)
    .map((path): [string, number] => [
      path.replace(/^node_modules\//, ''),
      bytesIn(join(project, path), 'node_modules'),
    ])
    .sort((a, b) => b[1] - a[1]);
}

/** A table of the packages above 100 KB, and what the others are together. */
export function sizesTable(sizes: readonly (readonly [name: string, bytes: number])[]): string {
  const row = (name: string, bytes: number) => `| ${name} | ${(bytes / 1e6).toFixed(1)} |`;
  const large = sizes.filter(([, bytes]) => bytes >= 1e5);
  const total = (some: typeof sizes) => some.reduce((sum, [, bytes]) => sum + bytes, 0);
  const others = sizes.slice(large.length);
  return [
    '| package | MB |\n|---|--:|',
    ...large.map(([name, bytes]) => row(`\`${name}\``, bytes)),
    row(`${others.length} others`, total(others)),
    row(`all ${sizes.length}`, total(sizes)),
  ].join('\n');
}
