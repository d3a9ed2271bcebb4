import type { HeadLayer, HeadLayerName } from './model.ts';

/**
 * The layers without numbers. Their implementations are in `head.ts`, so that a name is checked without loading them.
 */
const names: Readonly<Record<HeadLayerName, true>> = {
  relu: true,
  gelu: true,
  silu: true,
  hardswish: true,
  tanh: true,
  batchnorm: true,
};

export const headLayerNames = Object.keys(names) as HeadLayerName[];

export const headExpected = `a list of numbers of features, { dropout: P } with 0 <= P < 1, and ${headLayerNames.join(', ')}`;

const mostFeatures = 999_999;

/** Why a value cannot be the layers of a head; undefined where it can. */
export function headProblem(value: unknown): string | true | undefined {
  if (!Array.isArray(value)) return true;
  const wrong: unknown = value.find((layer: unknown) => !isHeadLayer(layer));
  return wrong === undefined ? undefined : `: ${JSON.stringify(wrong)} is not understood. Expected ${headExpected}.`;
}

function isHeadLayer(layer: unknown): layer is HeadLayer {
  if (typeof layer === 'number') return Number.isInteger(layer) && layer >= 1 && layer <= mostFeatures;
  if (typeof layer === 'string') return headLayerNames.some((name) => name === layer);
  if (typeof layer !== 'object' || layer === null || !('dropout' in layer)) return false;
  const { dropout, ...others } = layer;
  return typeof dropout === 'number' && dropout >= 0 && dropout < 1 && Object.keys(others).length === 0;
}
