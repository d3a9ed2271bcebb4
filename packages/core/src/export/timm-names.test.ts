import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { Shape } from '../base/tensor.ts';
import { input } from '../graph/index.ts';
import { applyModel, getModel, listArchitectures } from '../models/index.ts';
import { Scope } from '../nn/index.ts';
import { renamed } from '../weights/name-rules.ts';
import { timmRules } from '../weights/timm-names.ts';
import { toTimmRules } from './timm-names.ts';
import { timmTwin } from './timm-twins.ts';

/** timm's `state_dict`, without the counters of batch norm. */
const timm: Record<string, [name: string, shape: Shape][]> = JSON.parse(
  gunzipSync(readFileSync(new URL('../../../../golden/timm-names.json.gz', import.meta.url))).toString(),
);
const withTwin = listArchitectures().filter((name) => timmTwin(name) !== undefined);
const isCounter = (name: string) => name.endsWith('num_batches_tracked');

function variablesOf(architecture: string): [name: string, shape: Shape][] {
  const model = getModel(architecture);
  const { crop } = model.preprocessing;
  const { scope, trace } = Scope.root({ training: false });
  applyModel(model, scope, input('x', 'f32', [1, 3, crop, crop]), { numClasses: 1000 });
  return [...trace.variables.values()].map(({ name, shape }) => [name, shape]);
}

/** Made for images of 512 pixels: timm has it for 384. */
const withoutReference = ['efficientnet_b6', 'efficientnet_b7', 'efficientnet_v2_s', 'vit_l_16_512'];

test.each(withTwin)('%s gets timm’s names and shapes', (architecture) => {
  const rules = toTimmRules(architecture);
  const variables = variablesOf(architecture);
  const mapped = variables.flatMap(([name, shape]) => renamed(rules, { name, shape }) ?? []);
  const twin = timmTwin(architecture)!;
  const learned = mapped.filter(({ name }) => !isCounter(name)).map(({ name, shape }) => [name, shape]);
  if (!withoutReference.includes(architecture)) {
    expect(new Map(learned as [string, Shape][])).toEqual(new Map(timm[twin.architecture]));
  }
  // The head and the first convolution are where timm looks for them.
  const names = mapped.map(({ name }) => name);
  expect(names).toContain(`${twin.classifier}.weight`);
  expect(names).toContain(`${twin.firstConv}.weight`);
  expect(new Set(names).size).toBe(names.length);
  // Read again they are the zoo's, but for EfficientNetV2, of which no weights of timm's are listed.
  if (architecture === 'efficientnet_v2_s') return;
  const back = mapped.map((named) => renamed(timmRules(architecture), named));
  const left = /^AuxLogits\.|position_index$/;
  const kept = variables.filter(([name]) => !left.test(name)).map(([name, shape]) => ({ name, shape }));
  expect(back).toEqual(kept);
});

test('EfficientNetV2’s fused blocks have timm’s names', () => {
  const rules = toTimmRules('efficientnet_v2_s');
  const pairs = [
    ['features.1.0.block.0.0.weight', 'blocks.0.0.conv.weight'],
    ['features.2.3.block.1.1.running_var', 'blocks.1.3.bn2.running_var'],
    ['features.4.0.block.2.fc2.bias', 'blocks.3.0.se.conv_expand.bias'],
    ['features.6.1.block.3.1.weight', 'blocks.5.1.bn3.weight'],
    ['features.7.1.bias', 'bn2.bias'],
  ];
  for (const [name, expected] of pairs) expect(renamed(rules, { name: name!, shape: [1] })?.name).toBe(expected);
});
