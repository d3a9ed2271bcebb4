/* The pages of the cookbook: `npm run cookbook` runs them to write them, `test/cookbook.test.ts` to compare. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import sharp from 'sharp';

const require = createRequire(import.meta.url);

/** A program of a page, as a module of that name. */
export interface Program {
  readonly name: string;
  readonly code: string;
}

/** A page: its blocks as they stand in the file. */
export interface CookbookPage extends Program {
  readonly title: string;
  /** The lines of the shell block, without comments. */
  readonly commands: readonly string[];
  /** What the code is said to print. */
  readonly output: string;
}

const fence = (language: string) => new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``);

export function readCookbook(root: string): CookbookPage[] {
  const folder = join(root, 'docs', 'cookbook');
  const names = readdirSync(folder).filter((name) => /^\d\d-.*\.md$/.test(name));
  return names.sort().map((name) => {
    const text = readFileSync(join(folder, name), 'utf8');
    const block = (language: string) => fence(language).exec(text)?.[1] ?? '';
    const lines = block('sh').split('\n');
    const commands = lines.map((line) => line.replace(/\s+#.*/, '').trim()).filter((line) => line !== '');
    const title = /^# (.*)$/m.exec(text)?.[1] ?? '';
    return { name: name.slice(0, -3), title, commands, code: block('ts'), output: block('text') };
  });
}

/** Dark ink on white paper, `digits/<digit>/<number>.png`: the dataset of every page. */
async function writeDigits(folder: string, perClass: number): Promise<void> {
  for (let digit = 0; digit < 10; digit++) {
    const { data } = require(`mnist/src/digits/${digit}.json`) as { data: number[] };
    mkdirSync(join(folder, `${digit}`), { recursive: true });
    for (let i = 0; i < perClass; i++) {
      const ink = data.slice(i * 784, (i + 1) * 784);
      const grey = Uint8Array.from(ink, (value) => Math.round(255 * (1 - value)));
      const image = sharp(grey, { raw: { width: 28, height: 28, channels: 1 } });
      await image.png().toFile(join(folder, `${digit}`, `${String(i).padStart(3, '0')}.png`));
    }
  }
}

/** A project that has Graft installed, the digits, and each page's code as a module. */
export async function makeCookbookProject(root: string, project: string): Promise<readonly CookbookPage[]> {
  const pages = readCookbook(root);
  await makeProject(root, project, pages);
  return pages;
}

/** A project that has Graft installed, the digits, and the programs as modules. */
export async function makeProject(root: string, project: string, programs: readonly Program[]): Promise<void> {
  symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'));
  await writeDigits(join(project, 'digits'), 30);
  for (const { name, code } of programs) writeFileSync(join(project, `${name}.ts`), `${code}\nexport {};\n`);
  const compilerOptions = {
    module: 'nodenext',
    target: 'ES2022',
    lib: ['ES2023', 'ESNext.Disposable'],
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    outDir: 'built',
    skipLibCheck: true,
  };
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
}

/** What tsc says of the modules; empty where all is well. */
export function compileCookbook(root: string, project: string): string {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', project], { encoding: 'utf8' });
  return stdout + stderr;
}

/** Imports one module after the other in one process, so that they share what is loaded and timed once. */
const runner = `
import { writeFileSync } from 'node:fs';
import { format } from 'node:util';
const outputs = {};
for (const name of process.argv.slice(3)) {
  const lines = [];
  console.log = (...values) => lines.push(format(...values));
  await import('./built/' + name + '.js');
  outputs[name] = lines.join('\\n');
}
writeFileSync(process.argv[2], JSON.stringify(outputs));
process.exit();
`;

/** Runs the programs in their order. @throws Error where one does */
export function runCookbook(project: string, programs: readonly Program[]): Readonly<Record<string, string>> {
  writeFileSync(join(project, 'runner.mjs'), runner);
  const args = ['runner.mjs', 'outputs.json', ...programs.map(({ name }) => name)];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8' });
  if (status !== 0 || stderr !== '') throw new Error(`status ${status}: ${stderr}`);
  return JSON.parse(readFileSync(join(project, 'outputs.json'), 'utf8'));
}
