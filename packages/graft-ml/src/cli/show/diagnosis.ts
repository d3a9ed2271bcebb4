import {
  type CleanPlan,
  type Diagnosis,
  diagnosisJson,
  formatCleanCopy,
  formatDiagnosis,
} from '../../data/doctor/index.ts';
import { inCommands } from '../../text/wording.ts';
import type { Result } from './printer.ts';

/** The findings about a dataset, and about its clean copy if one was written. */
export function diagnosisResult(
  diagnosis: Diagnosis,
  copy: { readonly folder: string; readonly plan: CleanPlan } | null,
  { examples }: { readonly examples: number },
): Result {
  return {
    lines: [
      inCommands(formatDiagnosis(diagnosis, { examples })),
      ...(copy ? [formatCleanCopy(copy.plan, copy.folder)] : []),
    ],
    json: diagnosisJson(diagnosis, copy),
  };
}
