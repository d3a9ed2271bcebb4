/*
 * Runs the TypeScript of every page of the cookbook, and writes what it prints into the page, and the list of pages.
 *   npm run cookbook
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileCookbook, makeCookbookProject, runCookbook } from './cookbook.ts';

const root = process.cwd();
const project = mkdtempSync(join(tmpdir(), 'graft-cookbook-'));
try {
  const pages = await makeCookbookProject(root, project);
  const problems = compileCookbook(root, project);
  if (problems !== '') throw new Error(problems);
  const outputs = runCookbook(project, pages);
  for (const { name } of pages) {
    const path = join(root, 'docs', 'cookbook', `${name}.md`);
    const text = readFileSync(path, 'utf8');
    writeFileSync(
      path,
      text.replace(/```text\n[\s\S]*?```/, () => `\`\`\`text\n${outputs[name]}\n\`\`\``),
    );
  }
  const list = pages.map(({ name, title }) => `- [${title}](${name}.md)`).join('\n');
  const path = join(root, 'docs', 'cookbook', 'README.md');
  const [head] = readFileSync(path, 'utf8').split('\n- [');
  writeFileSync(path, `${head!.trimEnd()}\n\n${list}\n`);
} finally {
  rmSync(project, { recursive: true, force: true });
}
