import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { input } from '@graft-ml/core/graph';
import type { Shape } from '@graft-ml/core/internal/base/tensor';
import { convnext } from '@graft-ml/core/internal/models/convnext';
import { densenet } from '@graft-ml/core/internal/models/densenet';
import { swin } from '@graft-ml/core/internal/models/swin';
import { vgg } from '@graft-ml/core/internal/models/vgg';
import { vit } from '@graft-ml/core/internal/models/vit';
import { matchWeights } from '@graft-ml/core/internal/weights/match';
import { timmWeights } from '@graft-ml/core/internal/weights/registry/timm';
import { mapNames } from '@graft-ml/core/internal/weights/timm-names';
import { type Architecture, applyModel, getModel } from '@graft-ml/core/models';
import { initialise, Scope } from '@graft-ml/core/nn';
import { describe, expect, test } from 'vitest';
import { golden, relativeError, tolerance } from '../../../../test/golden.ts';
import { madeTensor } from '../../../../test/made-tensors.ts';
import { evaluate } from '../../../../test/run.ts';

interface Case {
  /** Of the square image, in pixels. */
  readonly size: number;
  /** timm's `state_dict`, for a network that is narrower than any that timm has. */
  readonly variables?: readonly (readonly [name: string, shape: Shape])[];
}

const { tensors, metadata } = golden('timm-logits');
const cases: Record<string, Case> = JSON.parse(metadata.cases!);
const stateDicts: Record<string, NonNullable<Case['variables']>> = JSON.parse(
  gunzipSync(readFileSync(new URL('../../../../golden/timm-names.json.gz', import.meta.url))).toString(),
);

const narrow: Readonly<Record<string, Architecture>> = {
  convnext: convnext({
    stages: [
      [8, 1],
      [16, 1],
      [24, 2],
      [32, 1],
    ],
    stochasticDepth: 0,
  }),
  densenet: densenet({ growth: 4, layers: [2, 2, 3, 2], stem: 8 }),
  vgg: vgg({ depths: [1, 1, 2, 2, 2], batchNorm: true, width: 8, hidden: 16 }),
  vit: vit({ patch: 8, layers: 2, heads: 4, width: 32, hidden: 128, size: 32 }),
  swin: swin({
    width: 8,
    stages: [
      [2, 2],
      [2, 4],
      [2, 8],
    ],
    window: 4,
    stochasticDepth: 0,
  }),
};

/** The zoo's architecture that the registry pairs with timm's model. */
const pairedWith = (model: string) => timmWeights.find(({ name }) => name.startsWith(`timm/${model}.`))!.architecture;

describe('a checkpoint under timm’s names gives timm’s logits', () => {
  test.each(Object.entries(cases))('%s', async (name, { size, variables = stateDicts[name]! }) => {
    const architecture = name in narrow ? name : pairedWith(name);
    const network = narrow[name] ?? getModel(architecture);
    const file = Object.fromEntries(variables.map(([key, shape]) => [key, madeTensor(key, shape)]));
    const reference = tensors[`logits/${name}`]!;

    const { scope, trace } = Scope.root({ training: false });
    const image = input('x', 'f32', [1, 3, size, size]);
    const logits = applyModel(network, scope, image, { numClasses: reference.shape[1]! });
    const expected = [...trace.variables.values()];
    const loaded = matchWeights(expected, mapNames(architecture, file), { source: name });
    const missing = initialise(
      expected.filter((variable) => !(variable.name in loaded)),
      0,
    );

    const x = madeTensor('picture', image.shape);
    const results = await evaluate({ logits }, { ...missing, ...loaded, x });
    expect(relativeError(results.logits!, reference)).toBeLessThan(tolerance.model);
  });
});
