/*
 * The order of the folders of src/ (docs/architecture.md). A file imports its own folder and those before it; what only
 * Node has is imported only where the browser never comes. Tests are exempt.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const order: readonly string[] = [
  ...['base', 'files', 'graph', 'ops', 'grad', 'runtime', 'nn', 'models', 'weights', 'optim'],
  ...['data', 'chart', 'train', 'meta', 'evaluate', 'experiment', 'cli'],
];
const nodePackages =
  /^(node:.*|(sharp|tinypool|onnxruntime-node|proper-lockfile|yauzl|tar|commander|cli-progress)(\/.*)?)$/;
const nodeFolders = /^src\/(files|data|weights|cli|(.+\/)?node)\//;
const specifiers = /\b(?:from|import|import\()\s*'([^']+)'/g;

/** The folder above this script, compiled or not, that has a package.json. */
function repositoryRoot(folder = dirname(fileURLToPath(import.meta.url))): string {
  return existsSync(join(folder, 'package.json')) ? folder : repositoryRoot(dirname(folder));
}

/** Paths from the root, with slashes. */
function sourceFiles(root: string): string[] {
  return readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

function importsOf(root: string, file: string): string[] {
  return [...readFileSync(join(root, file), 'utf8').matchAll(specifiers)].map((match) => match[1]!);
}

/** `src/graph/onnx.ts` → `graph`; a file that stands in src/ itself has no folder. */
function folderOf(file: string): string | undefined {
  const [root, folder, ...rest] = file.split('/');
  return root === 'src' && rest.length > 0 ? folder : undefined;
}

/** Why `file` may not import `specifier`, or undefined where it may. */
function objection(file: string, specifier: string): string | undefined {
  const [from, target] = [folderOf(file), posix.join(posix.dirname(file), specifier)];
  if (!specifier.startsWith('.')) {
    const allowed = !nodePackages.test(specifier) || nodeFolders.test(file);
    return allowed
      ? undefined
      : `${file} imports ${specifier}: only files/, data/, weights/, cli/ and node/ folders may`;
  }
  const to = folderOf(target);
  if (to === 'files' && !nodeFolders.test(file)) return `${file} imports ${target}, which needs Node`;
  const isIndex = file === 'src/index.ts' && to !== 'cli';
  const inOrder = from !== undefined && to !== undefined && order.indexOf(to) <= order.indexOf(from);
  if (to !== undefined && order.includes(to) && (isIndex || inOrder)) return undefined;
  return `${file} imports ${target}: ${from ?? 'src'}/ may not import ${to ?? dirname(target)}/`;
}

function main(): void {
  const root = repositoryRoot();
  const files = sourceFiles(root);
  const imports = files.flatMap((file) => importsOf(root, file).map((specifier) => [file, specifier] as const));
  const strays = files.filter((file) => file !== 'src/index.ts' && !order.includes(folderOf(file) ?? ''));
  const objections = [
    ...strays.map((file) => `${file} is in no folder of the order: ${order.join(', ')}`),
    ...imports.flatMap(([file, specifier]) => objection(file, specifier) ?? []),
  ];
  for (const line of objections) console.error(line);
  if (objections.length === 0) console.log(`layers: ${files.length} files, ${imports.length} imports, in order`);
  process.exitCode = objections.length === 0 ? 0 : 1;
}

main();
