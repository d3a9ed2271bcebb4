import { expect, test } from 'vitest';
import { relativeError, withPrefix } from '../../../../test/golden.ts';
import { evaluateTask } from '../../../../test/meta.ts';
import { config, learnerOf, most, network, parameters, tensors, testLearners } from '../../../../test/meta-golden.ts';
import { learnerVariables } from './index.ts';

testLearners(evaluateTask);

test('first and second order are far apart', () => {
  const distance = (a: string, b: string, steps: number) => {
    const [of, to] = [a, b].map((name) => withPrefix(tensors, `${name}/${steps}/gradient/`));
    return Math.max(
      ...parameters.filter((p) => !p.endsWith('conv.bias')).map((p) => relativeError(of![p]!, to![p]!, 0)),
    );
  };
  for (const steps of config.steps) {
    expect(distance('fomaml', 'maml', steps)).toBeGreaterThan(0.1);
    expect(distance('maml++-first-order', 'maml++', steps)).toBeGreaterThan(0.1);
  }
});

test('the inner rates that are learned are the variables of the learner', () => {
  const [element, step] = ['meta-sgd', 'maml++'].map((name) => learnerVariables(network, learnerOf(name, most)));
  expect(element!.get('inner-rate/layer2.conv.weight')!.shape).toEqual([config.filters, config.filters, 3, 3]);
  expect(step!.get('inner-rate/layer2.conv.weight')!.shape).toEqual([most]);
});
