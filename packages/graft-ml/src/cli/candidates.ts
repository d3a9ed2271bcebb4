import { UsageError } from '@graft-ml/core/internal/base/errors';
import { listArchitectures } from '@graft-ml/core/models';
import type { ModelCandidate } from '../experiment/model-candidates.ts';

/**
 * Models from a list with commas between them: `resnet*,own.onnx,resnet18=own.safetensors`. A comma within braces is
 * part of a pattern. @throws UsageError where there is none
 */
export function candidatesIn(list: string): (string | ModelCandidate)[] {
  const items = list.match(/(?:\{[^}]*\}|[^,{]|\{)+/g)?.map((item) => item.trim()) ?? [];
  const named = items.filter((item) => item !== '');
  if (named.length === 0) throw new UsageError("rank: which models? --models 'resnet*,mobilenet*', say.");
  return named.map((item) => {
    const [model, ...rest] = item.split('=');
    const isPair = rest.length > 0 && listArchitectures().includes(model!);
    return isPair ? { model: model!, weights: rest.join('=') } : item;
  });
}
