import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compileCookbook, makeProject, type Program, runCookbook } from '../scripts/cookbook.ts';

/* Every page of docs/guide: its programs are compiled and run as they are, with Graft as built, in one process. */

const root = fileURLToPath(new URL('..', import.meta.url));
const guide = join(root, 'docs', 'guide');
const readPage = (name: string) => readFileSync(join(guide, `${name}.md`), 'utf8');
const index = [...readPage('README').matchAll(/^\d+\. \[.*\]\((.*)\.md\)/gm)].map(([, name]) => name!);

interface GuideProgram extends Program {
  /** Empty where the page shows none. */
  readonly output: string;
}

/** The programs of a page, each with the output that stands below it. */
function programsOf(page: string): GuideProgram[] {
  const blocks = readPage(page).matchAll(/^```ts\n([\s\S]*?)^```\n(?:\s*^```text\n([\s\S]*?)^```)?/gm);
  return [...blocks].map(([, code, output = ''], i) => ({ name: `${page}-${i + 1}`, code: code!, output }));
}

const programs = index.flatMap(programsOf);
const project = mkdtempSync(join(tmpdir(), 'graft-guide-'));
afterAll(() => rmSync(project, { recursive: true, force: true }));

let problems = '';
let outputs: Readonly<Record<string, string>> = {};
beforeAll(async () => {
  await makeProject(root, project, programs);
  problems = compileCookbook(root, project);
  if (problems === '') outputs = runCookbook(project, programs);
}, 900_000);

test('the index lists every page', () => {
  const pages = readdirSync(guide).filter((name) => name.endsWith('.md') && name !== 'README.md');
  expect(index.map((name) => `${name}.md`).sort()).toEqual(pages.sort());
});

test('every program compiles', () => expect(problems).toBe(''));

/** Decimals depend on how a machine rounds: they are close. All else is equal. */
const decimal = /\d+\.\d+/g;

test.each(programs)('$name prints what the page says', ({ name, code, output }) => {
  for (const [, entry] of code.matchAll(/from '(graft-ml.*)'/g)) expect(entry).toMatch(/^graft-ml(\/[a-z]+)?$/);
  const printed = `${outputs[name]}\n`;
  expect(printed.replace(decimal, '#')).toBe(output.replace(decimal, '#'));
  const [actual, expected] = [printed, output].map((text) => (text.match(decimal) ?? []).map(Number));
  for (const [i, value] of expected!.entries())
    expect(Math.abs(actual![i]! - value)).toBeLessThan(0.1 + 0.3 * Math.abs(value));
});

const commands: Record<string, { flags: { syntax: string }[] }> = JSON.parse(
  readFileSync(join(root, 'packages/graft-ml/dist/cli/commands.json'), 'utf8'),
);

test.each(index)('the commands and flags of %s.md are those of graft', (page) => {
  const lines = [...readPage(page).matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block]) => block!.split('\n'));
  for (const line of lines.filter((each) => each.startsWith('npx graft '))) {
    const [, , first, second] = line.split(' ');
    const command = commands[`${first} ${second}`] ?? commands[first!];
    const known = command?.flags.map(({ syntax }) => syntax.split(/[ ,]/)[0]);
    expect(known, line).toEqual(expect.arrayContaining(line.replace(/\s#.*/, '').match(/--[a-z-]+/g) ?? []));
  }
});
