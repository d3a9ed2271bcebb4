import { expect, test } from 'vitest';
import { choiceProblem, didYouMean } from './choice.ts';

test('the nearest choice is offered where it is near, and nothing where there is none', () => {
  expect(didYouMean('resnet81', ['resnet18', 'vgg16'])).toBe(' Did you mean "resnet18"?');
  expect(didYouMean('alexnet', ['vgg16'])).toBe('');
  expect(didYouMean('Futurama', [])).toBe('');
  expect(choiceProblem('adma', ['sgd', 'adam'])).toBe(
    ' "adma" is not known. Did you mean "adam"? Expected one of: sgd, adam.',
  );
});
