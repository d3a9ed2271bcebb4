/*
 * A step of the build: writes the command, and what runs in threads and processes of its own, each as a few files. Node
 * takes about a millisecond to find, read and link a module, and `graft train` has five hundred of ours and two hundred of
 * others. The library itself stays in modules, which programs share and bundlers see through.
 */
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type OutputOptions, rolldown } from 'rolldown';

/** By their paths from `src/`, by which `builtProgram` finds them. */
const workers = [
  'data/image-process-main',
  'data/image-worker',
  'data/parquet/unpack-process',
  'jobs/job-process-main',
  'runtime/gathering-worker',
  'runtime/probe-device',
  'runtime/program-worker',
  'serve/decode-main',
  'serve/inference-main',
];
const command = 'cli/main';
/** Packages of others of which each has many modules, and none finds files by its own place. Their licences come along. */
const inlined = ['zod', 'csv-parse', '@noble/hashes', 'commander'];

/** By the names of their modules. */
const commands = ['config', 'doctor', 'evaluate', 'features', 'find-lr', 'meta-train', 'predict', 'preview', 'train'];

const folder = dirname(fileURLToPath(import.meta.resolve('graft-ml/package.json')));
/** The files are written here first. */
const next = join(folder, 'dist', '.bundled');
const built = (name: string) => join(folder, 'dist', `${name}.js`);
const isInside = (id: string) =>
  /^[./]/.test(id) || ['graft-ml', '@graft-ml', ...inlined].some((name) => id === name || id.startsWith(`${name}/`));

/** Each group is these modules and all that they import at once; what only some commands import stays apart. */
const group = (name: string, priority: number, modules: readonly string[]) => ({
  name,
  priority,
  test: (id: string) => modules.some((module) => id === built(module)),
});

const licences = new Map<string, string>();
rmSync(next, { recursive: true, force: true });
await bundle(command, {
  groups: [
    // Not the command's own module, which waits for others to load: nothing may import it.
    group('start', 3, ['cli/failure', 'cli/interrupt', 'cli/machine-limits', 'cli/output', 'cli/program']),
    // Of any command: what reads its options loads neither networks nor what reads images.
    group('options', 2, ['cli/run-command', ...commands.map((name) => `cli/commands/${name}`)]),
    group('training', 1, ['transfer/train-folder', 'cli/show/run']),
  ],
});
for (const worker of workers) await bundle(worker);
const texts = [...licences].sort().map(([name, text]) => `${name}\n\n${text.trim()}\n`);
writeFileSync(join(next, 'LICENSES.txt'), texts.join(`\n${'-'.repeat(72)}\n\n`));
// Only now, so that a program which begins meanwhile finds its files.
const place = join(folder, 'bundled');
rmSync(place, { recursive: true, force: true });
renameSync(next, place);

async function bundle(name: string, codeSplitting: OutputOptions['codeSplitting'] = true): Promise<void> {
  const bundler = await rolldown({
    input: { [name]: built(name) },
    platform: 'node',
    external: (id) => !isInside(id),
    treeshake: false, // some modules act when they are loaded
    checks: { ineffectiveDynamicImport: false }, // what one command loads later, others load at once
  });
  const { output } = await bundler.write({
    dir: next,
    entryFileNames: '[name].js',
    chunkFileNames: 'shared/[name]-[hash].js',
    codeSplitting,
    comments: false,
  });
  await bundler.close();
  for (const chunk of output) if (chunk.type === 'chunk') Object.keys(chunk.modules).forEach(noteLicence);
}

/** Keeps the licence of the package that a module belongs to. @throws Error where it has none */
function noteLicence(module: string): void {
  const [place, name] = /^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(module) ?? [];
  if (place === undefined || name === undefined || licences.has(name)) return;
  const file = readdirSync(place).find((each) => /^licen[cs]e/i.test(each));
  if (!file) throw new Error(`${name} has no file with its licence`);
  licences.set(name, readFileSync(join(place, file), 'utf8'));
}
