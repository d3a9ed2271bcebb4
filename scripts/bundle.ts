/*
 * Bundles for browsers: what a page that imports something from the core or from @graft-ml/web loads, and whether
 * anything in it needs Node.
 */
import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, relative, sep } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { type OutputChunk, type Plugin, rolldown } from 'rolldown';

export interface Bundle {
  /** Bytes of the minified script, with what it loads later. */
  readonly minified: number;
  readonly gzip: number;
  readonly brotli: number;
  /** The files that something is left of, by their paths from the root of the repository, with slashes. */
  readonly files: readonly string[];
  /** The npm packages among them. */
  readonly packages: readonly string[];
  /** Imports that a browser cannot follow: of Node's modules, and of what is not installed. */
  readonly refused: readonly string[];
}

/** The packages that browsers load. */
const packages = [
  { name: '@graft-ml/core', folder: 'packages/core' },
  { name: '@graft-ml/web', folder: 'packages/web' },
] as const;

/** The public entries of those packages, as they are imported. */
export function publicEntries(root: string): string[] {
  return packages.flatMap(({ name, folder }) => {
    const { exports }: { exports: Record<string, string> } = JSON.parse(
      readFileSync(join(root, folder, 'package.json'), 'utf8'),
    );
    return Object.keys(exports).flatMap((key) => (/^\.\/internal\/|\.json$/.test(key) ? [] : [name + key.slice(1)]));
  });
}

export interface BundleOptions {
  /** Imports that are left out. */
  readonly without?: readonly RegExp[];
  /** Whether what is loaded later counts. Default true. */
  readonly isWhole?: boolean;
}

/** Bundles a module, given as text, from the packages as they were built. */
export async function bundleForBrowser(
  root: string,
  text: string,
  { without = [], isWhole = true }: BundleOptions = {},
): Promise<Bundle> {
  const refused: string[] = [];
  const path = (id: string) => relative(root, id).split(sep).join('/');
  const entry = '\0entry';
  const plugin: Plugin = {
    name: 'entry',
    resolveId(source, importer) {
      if (source === entry) return entry;
      if (!isBuiltin(source)) return null;
      refused.push(`${importer === undefined || importer === entry ? 'the entry' : path(importer)} imports ${source}`);
      return { id: source, external: true };
    },
    load: (id) => (id === entry ? text : null),
  };
  const bundler = await rolldown({
    input: entry,
    cwd: root,
    platform: 'browser',
    external: [...without],
    logLevel: 'silent',
    plugins: [plugin],
  });
  const { output } = await bundler.generate({ format: 'es', minify: true });
  await bundler.close();
  const chunks = output.flatMap((each) => (each.type === 'chunk' ? [each] : []));
  const own = new Set(chunks.map(({ fileName }) => fileName));
  for (const name of chunks.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports])) {
    if (!own.has(name) && !isBuiltin(name) && !without.some((one) => one.test(name)))
      refused.push(`${name} is not found`);
  }
  const counted = isWhole ? chunks : loadedAtOnce(chunks);
  const code = Buffer.from(counted.map((chunk) => chunk.code).join('\n'));
  const files = chunks
    .flatMap(({ modules }) => Object.entries(modules))
    .flatMap(([id, { renderedLength }]) => (id.startsWith('\0') || renderedLength === 0 ? [] : [path(id)]));
  const named = files.flatMap((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []);
  return {
    minified: code.length,
    gzip: gzipSync(code, { level: 9 }).length,
    brotli: brotliCompressSync(code).length,
    files,
    packages: [...new Set(named)].sort(),
    refused,
  };
}

/** The entry, and what it imports at once. */
function loadedAtOnce(chunks: readonly OutputChunk[]): OutputChunk[] {
  const byName = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
  const loaded = new Set<OutputChunk>();
  const load = (chunk: OutputChunk | undefined) => {
    if (!chunk || loaded.has(chunk)) return;
    loaded.add(chunk);
    for (const name of chunk.imports) load(byName.get(name));
  };
  load(chunks.find(({ isEntry }) => isEntry));
  return [...loaded];
}

/** Single things out of the entries: what tree shaking leaves of the rest. */
export const picks = [
  "export { f32 } from '@graft-ml/core';",
  "export { exp } from '@graft-ml/core/ops';",
  "export { grad } from '@graft-ml/core/grad';",
  "export { linear } from '@graft-ml/core/nn';",
  "export { conv4 } from '@graft-ml/core/models';",
  "export { resnet } from '@graft-ml/core/models';",
  "export { adamw } from '@graft-ml/core/optim';",
  "export { readSafetensors } from '@graft-ml/core/weights';",
  "export { resize } from '@graft-ml/core/data';",
] as const;

export type SizeRow = Pick<Bundle, 'minified' | 'gzip' | 'brotli' | 'packages'>;

/** onnxruntime-web's build for a GPU, which a page loads in place of the other when it asks for that device. */
export const gpuBuild = 'onnxruntime-web/webgpu';

/**
 * Every entry and every pick, each bundled by itself, by what is imported. One after the other: a bundle takes up to
 * three seconds. Of onnxruntime-web's builds only the usual one counts.
 */
export async function bundleEverything(root: string): Promise<Map<string, Bundle>> {
  const bundles = new Map<string, Bundle>();
  const without = [new RegExp(`^${gpuBuild}$`)];
  for (const name of publicEntries(root)) {
    bundles.set(name, await bundleForBrowser(root, `export * from '${name}';`, { without }));
  }
  for (const text of picks) bundles.set(text, await bundleForBrowser(root, text));
  return bundles;
}

/** A row of `docs/sizes.md`. */
export function formatRow(imported: string, { minified, gzip, brotli, packages: of }: SizeRow): string {
  const numbers = [minified, gzip, brotli].map((bytes) => bytes.toLocaleString('en'));
  return `| ${[`\`${imported}\``, ...numbers, of.join(', ')].join(' | ')} |`;
}

/** The rows of `docs/sizes.md`, by what is imported. */
export function readRows(text: string): Map<string, SizeRow> {
  const rows = [...text.matchAll(/^\| `([^`]+)` \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| (.*) \|$/gm)];
  const bytes = (digits: string) => Number(digits.replaceAll(',', ''));
  return new Map(
    rows.map(([, imported, minified, gzip, brotli, of]) => [
      imported!,
      {
        minified: bytes(minified!),
        gzip: bytes(gzip!),
        brotli: bytes(brotli!),
        packages: of === '' ? [] : of!.split(', '),
      },
    ]),
  );
}
