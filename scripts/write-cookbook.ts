/*
 * Runs the commands and the TypeScript of every page of the cookbook, and writes what a program prints into its page,
 * the figures, and the list of pages.
 *   npm run cookbook
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileCookbook, makeCookbookProject } from './cookbook.ts';
import { drawFigures } from './cookbook-figures.ts';
import { runPages } from './cookbook-run.ts';

const root = process.cwd();
const project = mkdtempSync(join(tmpdir(), 'graft-cookbook-'));
try {
  const pages = await makeCookbookProject(root, project);
  const problems = compileCookbook(root, project);
  if (problems !== '') throw new Error(problems);
  const results = runPages(project, pages, { record: true });
  for (const { line, status, stderr } of Object.values(results).flatMap(({ commands }) => commands))
    if (status !== 0) throw new Error(`${line}: ${stderr}`);
  for (const { name } of pages) {
    const path = join(root, 'docs', 'cookbook', `${name}.md`);
    const text = readFileSync(path, 'utf8');
    const output = `\`\`\`text\n${results[name]!.output}\n\`\`\``;
    writeFileSync(
      path,
      text.replace(/```text\n[\s\S]*?```/, () => output),
    );
  }
  await drawFigures(project, results, join(root, 'docs', 'cookbook', 'images'));
  const list = pages.map(({ name, title }) => `- [${title}](${name}.md)`).join('\n');
  const path = join(root, 'docs', 'cookbook', 'README.md');
  const [head] = readFileSync(path, 'utf8').split('\n- [');
  writeFileSync(path, `${head!.trimEnd()}\n\n${list}\n`);
} finally {
  rmSync(project, { recursive: true, force: true });
}
