import { choiceProblem } from '@graft-ml/core/internal/base/choice';
import { type ExportDtype, exportDtypes, preprocessingPlaces } from '@graft-ml/core/internal/export/names';
import { choice } from '@graft-ml/core/internal/recipe/config/choice';
import { z } from 'zod';

/** The flags for the model in an export, which a model card depends on, too. */
export const modelFlags = {
  dtype: z
    .string()
    .superRefine((text, context) => {
      const unknown = text.split(',').find((name) => !isDtype(name));
      if (unknown === undefined) return;
      const problem = choiceProblem(unknown, exportDtypes);
      context.addIssue({ code: 'custom', message: problem, params: { expected: exportDtypes.join(', '), problem } });
    })
    .default('fp32')
    .describe(`numbers of the network: ${exportDtypes.join(' | ')}; for hf also several, as in fp32,fp16,int8`),
  preprocessing: choice(preprocessingPlaces)
    .default('outside')
    .describe('who resizes and crops images: outside (who runs the model) or inside (the model, from any size)'),
};

/** The flag for the accuracy that other numbers than fp32 may cost. */
export const maxDropFlag = {
  maxDrop: z
    .number()
    .default(1)
    .describe('the most points of accuracy that another dtype than fp32 may cost; beyond, nothing is written'),
};

/** The dtypes of `--dtype`. */
export function parseDtypes(text: string): ExportDtype[] {
  return text.split(',').filter(isDtype);
}

function isDtype(name: string): name is ExportDtype {
  return exportDtypes.some((dtype) => dtype === name);
}
