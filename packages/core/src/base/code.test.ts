import { expect, test } from 'vitest';
import { call, option, placeholder } from './code.ts';

test('options and calls in a message are code', () => {
  expect(option('epochs')).toBe('`epochs`');
  expect(option('strategy', 'full')).toBe('`strategy: "full"`');
  expect(option('mean', [0.5, 0.5, 0.5])).toBe('`mean: [0.5,0.5,0.5]`');
  expect(option('model', placeholder('architecture'))).toBe('`model: architecture`');
  expect(call('listModels')).toBe('`listModels()`');
  expect(call('resumeTraining', ['runs/`x'], { from: 'best' })).toBe(
    '`resumeTraining("runs/\\u0060x", { from: "best" })`',
  );
});
