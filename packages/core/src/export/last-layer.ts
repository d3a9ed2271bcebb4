import type { Tensor, Tensors } from '../base/tensor.ts';
import { under } from '../nn/index.ts';
import type { ExportSource } from './network-model.ts';

/** The path of the layer that gives the logits: `fc`, `classifier.1`, `fc.2` in a head of several layers. */
export function lastLayerPath({ model: { headPath, headLayers }, variables }: ExportSource): string {
  if (headLayers !== undefined) return `${headPath}.${headLayers.length}`;
  const weight = Object.keys(variables).find((name) => under(headPath).test(name) && name.endsWith('.weight'));
  if (weight === undefined) throw new Error(`No parameter under ${headPath}: the network has no head`);
  return weight.slice(0, -'.weight'.length);
}

/**
 * The variables of a network without a temperature that gives the same logits: those of the last layer are divided by
 * it. After SqueezeNet's last layer come a ReLU and a mean, with which the division commutes.
 */
export function variablesAtTemperature(source: ExportSource): Tensors {
  const { variables, temperature } = source;
  if (temperature === 1) return variables;
  const path = lastLayerPath(source);
  const divided = [`${path}.weight`, `${path}.bias`].flatMap((name) => {
    const value = variables[name];
    return value ? [[name, dividedBy(value, temperature)] as const] : [];
  });
  return { ...variables, ...Object.fromEntries(divided) };
}

function dividedBy(value: Tensor, divisor: number): Tensor {
  if (value.dtype !== 'f32') throw new Error(`The last layer has elements of ${value.dtype}`);
  return { ...value, data: value.data.map((each) => each / divisor) };
}
