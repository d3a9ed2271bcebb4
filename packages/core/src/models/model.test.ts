import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { getModel, hasResiduals, openOnnxModel } from './index.ts';

test.each([
  ['resnet18', true],
  ['residual_conv4_32', true],
  ['mobilenet_v3_small', true],
  ['convnext_tiny', true],
  ['vit_b_32', true],
  ['conv4', false],
  ['squeezenet1_1', false],
  ['densenet121', false],
  ['inception_v3', false],
])('%s has residual connections: %s', (name, expected) => {
  expect(hasResiduals(getModel(name))).toBe(expected);
});

test.each([
  ['residual_18', true],
  ['inverted_21', true],
  ['fire_11', false],
])('the file %s has some, whatever it is called: %s', (name, expected) => {
  const bytes = readFileSync(new URL(`../../../../golden/onnx/${name}.onnx`, import.meta.url));
  expect(hasResiduals(openOnnxModel(bytes, { name: 'resident.onnx' }).model)).toBe(expected);
});
