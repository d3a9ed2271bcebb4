import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileCookbook, makeCookbookProject, readCookbook, runCookbook } from '../scripts/cookbook.ts';

/* Every page of docs/cookbook: its program is compiled and run as it is, with Graft as built, in one process. */

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = readCookbook(root);
const project = mkdtempSync(join(tmpdir(), 'graft-cookbook-'));
afterAll(() => rmSync(project, { recursive: true, force: true }));

let problems = '';
let outputs: Readonly<Record<string, string>> = {};
beforeAll(async () => {
  await makeCookbookProject(root, project);
  problems = compileCookbook(root, project);
  if (problems === '') outputs = runCookbook(project, pages);
}, 600_000);

test('there are 28 questions, numbered, and the README lists them', () => {
  expect(pages.map(({ name }) => Number(name.slice(0, 2)))).toEqual(Array.from({ length: 28 }, (_, i) => i + 1));
  const links = [...readFileSync(join(root, 'docs/cookbook/README.md'), 'utf8').matchAll(/^- \[(.*)\]\((.*)\.md\)$/gm)];
  expect(links.map(([, title, name]) => ({ title, name }))).toEqual(pages.map(({ title, name }) => ({ title, name })));
});

test('every program compiles', () => expect(problems).toBe(''));

const commands: Record<string, { flags: { syntax: string; aliases: string[] }[] }> = JSON.parse(
  readFileSync(join(root, 'packages/graft-ml/dist/cli/commands.json'), 'utf8'),
);

/** Decimals depend on how a machine rounds: they are close. All else is equal. */
const decimal = /\d+\.\d+/g;
const confusion = '23-confusion-matrix';

describe.each(pages)('$name', ({ name, title, commands: lines, code, output }) => {
  test('is short, asks a question and uses public entries alone', () => {
    expect(title).toMatch(/\?$/);
    expect(code.trimEnd().split('\n').length).toBeLessThanOrEqual(15);
    for (const [, entry] of code.matchAll(/from '(.*)'/g)) expect(entry).toMatch(/^graft-ml(\/[a-z]+)?$/);
  });

  test('its commands and flags are those of graft', () => {
    expect(lines.some((line) => line.startsWith('npx graft'))).toBe(true);
    for (const line of lines.filter((each) => /^npx graft [a-z]/.test(each))) {
      const known = commands[line.split(' ')[2]!]!.flags.map(({ syntax }) => syntax.split(/[ ,]/)[0]);
      expect(known).toEqual(expect.arrayContaining(line.match(/--[a-z-]+/g) ?? []));
    }
  });

  test('prints what the page says', () => {
    const printed = `${outputs[name]}\n`;
    if (name === confusion) return;
    expect(printed.replace(decimal, '#')).toBe(output.replace(decimal, '#'));
    const [actual, expected] = [printed, output].map((text) => (text.match(decimal) ?? []).map(Number));
    for (const [i, value] of expected!.entries())
      expect(Math.abs(actual![i]! - value)).toBeLessThan(0.1 + 0.3 * Math.abs(value));
  });
});

test('the confusion matrix: six images of each digit, most on the diagonal', () => {
  const rows = outputs[confusion]!.split('\n').slice(1);
  const matrix = rows.map((row) => row.split(':')[1]!.trim().split(/\s+/).map(Number));
  for (const row of matrix) expect(row.reduce((sum, count) => sum + count)).toBe(6);
  expect(matrix.reduce((sum, row, i) => sum + row[i]!, 0)).toBeGreaterThan(45);
});
