import { join } from 'node:path';
import { LossError } from '@graft-ml/core/internal/fit/loss-error';
import { exists } from '../files/read.ts';

/** After an error in training: what there is of the run in `out`, and the command that goes on with it. */
export async function whatIsLeft(out: string, resume: string, error: unknown): Promise<string> {
  const holds = (file: string) => exists(join(out, file));
  if (!(await holds('run.json'))) return `There is no run in ${out}.`;
  if (!(await holds('last.safetensors'))) return `The run in ${out} has no checkpoint yet.`;
  if (!(error instanceof LossError)) return `The last checkpoint stands. Go on with: ${resume}`;
  const best = (await holds('best.safetensors')) ? ', and best.safetensors the best epoch until then' : '';
  return `${out} holds the last checkpoint before it${best}.`;
}
