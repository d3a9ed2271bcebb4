import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

test('augmentation needs nothing of Node: it can run in the browser', () => {
  const here = new URL('./', import.meta.url);
  const files = readdirSync(here).filter((name) => !name.endsWith('.test.ts'));
  const imports = [...files, '../transform.ts'].flatMap((name) => {
    const text = readFileSync(new URL(name, here), 'utf8');
    return [...text.matchAll(/^(?:import|export) (?!type)[^;]*? from '([^']+)'/gms)].map(([, from]) => from!);
  });
  const outside = new Set(imports.filter((from) => !/^\.\/\w+\.ts$/.test(from)));
  expect([...outside].sort()).toEqual(['../../base/rounding.ts', '../transform.ts', '../base/rounding.ts'].sort());
});
