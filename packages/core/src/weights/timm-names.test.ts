import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type Shape, sizeOf } from '../base/tensor.ts';
import { input } from '../graph/index.ts';
import { applyModel, getModel } from '../models/index.ts';
import { Scope, type Variable } from '../nn/index.ts';
import { renamed } from './name-rules.ts';
import type { WeightsEntry } from './registry/entry.ts';
import { timmWeights } from './registry/timm.ts';
import { timmRules } from './timm-names.ts';

type Named = [name: string, shape: Shape];

/** timm's `state_dict`, without the counters of batch norm. */
const timm: Record<string, Named[]> = JSON.parse(
  gunzipSync(readFileSync(new URL('../../../../golden/timm-names.json.gz', import.meta.url))).toString(),
);

/** `timm/resnet18.a1_in1k` → `resnet18` */
const modelOf = ({ name }: WeightsEntry): string => name.slice('timm/'.length, name.indexOf('.'));

/** The variables of the zoo's model. */
function variablesOf({ architecture, preprocessing: { crop } }: WeightsEntry, numClasses: number): Variable[] {
  const { scope, trace } = Scope.root({ training: false });
  applyModel(getModel(architecture), scope, input('x', 'f32', [1, 3, crop, crop]), { numClasses });
  return [...trace.variables.values()];
}

const byName = (variables: Named[]) => Object.fromEntries(variables.map(([name, shape]) => [name, shape.join()]));

describe('timm’s names become the zoo’s', () => {
  const firstOfEach = new Map(timmWeights.toReversed().map((entry) => [modelOf(entry), entry]));
  test('the names of every model are known', () => {
    expect([...firstOfEach.keys()].sort()).toEqual(Object.keys(timm).sort());
  });
  test.each([...firstOfEach])('%s', (model, entry) => {
    const rules = timmRules(entry.architecture);
    const mapped = timm[model]!.map(([name, shape]): Named => {
      const target = renamed(rules, { name, shape })!;
      return [target.name, target.shape];
    });
    // The rest is not learned, or the head for training alone that timm leaves out of Inception v3 unless asked for it.
    const left = /(num_batches_tracked|position_index)$|^AuxLogits\./;
    const learned = variablesOf(entry, 1000).filter(({ name }) => !left.test(name));
    expect(byName(mapped)).toEqual(byName(learned.map(({ name, shape }) => [name, shape])));
    expect(mapped.length).toBe(Object.keys(byName(mapped)).length);
    // A file that has the zoo's names already comes through unchanged.
    for (const [name, shape] of mapped) expect(renamed(rules, { name, shape })).toEqual({ name, shape });
  });

  test('each checkpoint has as many parameters as its architecture with that head', () => {
    const counts = new Map<string, number>();
    for (const entry of timmWeights) {
      const outputs = entry.classes ? 1000 : entry.outputs!;
      const key = `${entry.architecture} ${outputs}`;
      if (!counts.has(key)) {
        const parameters = variablesOf(entry, outputs).filter(({ kind }) => kind === 'parameter');
        counts.set(
          key,
          parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
        );
      }
      expect([entry.name, entry.parameters]).toEqual([entry.name, counts.get(key)]);
    }
  });
});
