import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileCookbook, makeCookbookProject, readCookbook } from '../scripts/cookbook.ts';
import { notRun, type PageResult, runnableCommands, runPages } from '../scripts/cookbook-run.ts';

/*
 * Every page of docs/cookbook: its commands are run and its program is compiled and run as it is, page after page, with
 * Graft as built, in one process and one folder.
 */

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'docs', 'cookbook');
const pages = readCookbook(root);
const project = mkdtempSync(join(tmpdir(), 'graft-cookbook-'));
afterAll(() => rmSync(project, { recursive: true, force: true }));

let problems = '';
let results: Readonly<Record<string, PageResult>> = {};
beforeAll(async () => {
  await makeCookbookProject(root, project);
  problems = compileCookbook(root, project);
  if (problems === '') results = runPages(project, pages);
}, 900_000);

test('there are 28 questions, numbered, and the README lists them', () => {
  expect(pages.map(({ name }) => Number(name.slice(0, 2)))).toEqual(Array.from({ length: 28 }, (_, i) => i + 1));
  const links = [...readFileSync(join(folder, 'README.md'), 'utf8').matchAll(/^- \[(.*)\]\((.*)\.md\)$/gm)];
  expect(links.map(([, title, name]) => ({ title, name }))).toEqual(pages.map(({ title, name }) => ({ title, name })));
});

test('every program compiles', () => expect(problems).toBe(''));

test('every figure is shown by one page', () => {
  const shown = pages.flatMap(({ name }) =>
    [...readFileSync(join(folder, `${name}.md`), 'utf8').matchAll(/^!\[.+\]\(images\/(.*)\)$/gm)].map(
      ([, file]) => file,
    ),
  );
  expect(shown.sort()).toEqual(readdirSync(join(folder, 'images')).sort());
});

test('all commands but those with a reason are run', () => {
  const left = pages.flatMap((page) => page.commands.filter((line) => !runnableCommands(page).includes(line)));
  expect(left).toEqual(['npm install graft-ml --ignore-scripts']);
  expect(Object.keys(notRun)).toEqual(['npm install']);
});

/** Decimals depend on how a machine rounds: they are close. All else is equal. */
const decimal = /\d+\.\d+/g;
const matrixRow = /^\d +((?:(?:\d+|·) *){10})$/gm;

describe.each(pages)('$name', (page) => {
  const { name, title, commands, code, output } = page;

  test('is short, asks a question and uses public entries alone', () => {
    expect(title).toMatch(/\?$/);
    expect(code.trimEnd().split('\n').length).toBeLessThanOrEqual(15);
    for (const [, entry] of code.matchAll(/from '(.*)'/g)) expect(entry).toMatch(/^graft-ml(\/[a-z]+)?$/);
  });

  test('its commands succeed, and say so on stdout', () => {
    expect(commands.some((line) => line.startsWith('npx graft'))).toBe(true);
    const outcomes = results[name]!.commands;
    expect(outcomes.map(({ line }) => line)).toEqual(runnableCommands(page));
    for (const { line, status, stdout, stderr } of outcomes) {
      expect(`${line}: ${status === 0 ? 'succeeds' : stderr}`).toBe(`${line}: succeeds`);
      expect(stdout).not.toBe('');
    }
  });

  test('its commands write what they are told to', () => {
    for (const line of runnableCommands(page))
      for (const [, path] of line.matchAll(/--(?:out|sheet|predictions) (\S+)/g))
        expect(existsSync(join(project, path!)), path).toBe(true);
  });

  test('prints what the page says', () => {
    // The images of each class go to classes by what a machine rounds; the next test sums them up.
    const [printed, expected] = [`${results[name]!.output}\n`, output].map((text) => text.replace(matrixRow, 'row'));
    expect(printed!.replace(decimal, '#')).toBe(expected!.replace(decimal, '#'));
    const [actual, said] = [printed!, expected!].map((text) => (text.match(decimal) ?? []).map(Number));
    for (const [i, value] of said!.entries())
      expect(Math.abs(actual![i]! - value)).toBeLessThan(0.1 + 0.3 * Math.abs(value));
  });
});

test('the confusion matrix: six images of each digit, most on the diagonal', () => {
  const rows = [...results['23-confusion-matrix']!.output.matchAll(matrixRow)].map(([, cells]) =>
    cells!.trim().split(/ +/),
  );
  const matrix = rows.map((cells) => cells.map((cell) => (cell === '·' ? 0 : Number(cell))));
  expect(matrix).toHaveLength(10);
  for (const row of matrix) expect(row.reduce((sum, count) => sum + count)).toBe(6);
  expect(matrix.reduce((sum, row, i) => sum + row[i]!, 0)).toBeGreaterThan(45);
});
