import { describe, expect, test } from 'vitest';
import { under } from '../nn/index.ts';
import { applyRules } from './index.ts';

describe('rules', () => {
  const names = ['fc.weight', 'fc1.weight', 'layer1.0.conv1.weight', 'layer10.weight'];
  test('the first rule that matches decides, by dotted path', () => {
    const settings = applyRules(names, [
      [under('fc'), { rate: 1 }],
      [under('layer1'), { rate: 0.1 }],
      [/.*/, null],
    ]);
    expect([...settings.values()]).toEqual([{ rate: 1 }, null, { rate: 0.1 }, null]);
  });
  test('a parameter without a rule and a rule without a parameter are errors', () => {
    expect(() => applyRules(names, [[under('fc'), { rate: 1 }]])).toThrow('no rule matches the parameter fc1.weight');
    expect(() =>
      applyRules(names, [
        [/.*/, null],
        [under('fc'), { rate: 1 }],
      ]),
    ).toThrow('decides about no parameter');
  });
});
