import { UsageError } from '@graft-ml/core/internal/base/errors';
import { type ResumeOptions, resumeTraining } from '../transfer/train-folder.ts';
import { type CrossValidationEvent, type FoldsExecutor, holdsFolds, resumeFolds } from './cross-validation.ts';

/**
 * Goes on with what a folder holds, a run or a cross-validation.
 * @throws UsageError where an option is given that is for single runs, and it is a cross-validation
 */
export async function* resumeRun(
  out: string,
  { executor, ...options }: ResumeOptions & FoldsExecutor = {},
): AsyncGenerator<CrossValidationEvent, void, undefined> {
  if (!(await holdsFolds(out))) {
    yield* resumeTraining(out, options);
    return;
  }
  const { from, epochs, ...others } = options;
  const unused = Object.entries({ from, epochs }).find(([, value]) => value !== undefined);
  if (unused) throw new UsageError(`train: ${out} is a cross-validation: \`${unused[0]}\` is for single runs.`);
  yield* resumeFolds(out, { ...others, executor });
}
