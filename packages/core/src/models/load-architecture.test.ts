import { expect, test } from 'vitest';
import { loadArchitecture } from './load-architecture.ts';
import { listArchitectures } from './names.ts';
import { getModel } from './registry.ts';

test.each(listArchitectures())('%s alone is what the zoo has', async (name) => {
  expect(await loadArchitecture(name)).toBe(getModel(name));
});

test.each(['resnet19', 'constructor', 'toString', ''])('"%s" is none', async (name) => {
  await expect(loadArchitecture(name)).rejects.toThrow('`listModels()` lists all.');
});
