import { isDeepStrictEqual } from 'node:util';
import { parseConfig } from '@graft-ml/core/internal/recipe/config/index';
import { isTrainedByProgram, type Run } from '@graft-ml/core/internal/runs/run-file';
import { commandLine } from '../text/wording.ts';

/** Options that do not change what a run computes: where it computes, and what it writes beside. */
const withoutEffect = new Set(['threads', 'memory', 'disk', 'log', 'device']);

/**
 * The command that makes the same run: every option that is not the default of the table. Null for a run that a program
 * trained.
 */
export function repeatCommand(run: Run): string | null {
  const { config, folder, adaptedFrom } = run;
  if (isTrainedByProgram(run)) return null;
  if (adaptedFrom !== null) return commandLine('meta adapt', [adaptedFrom, folder]);
  const defaults: Readonly<Record<string, unknown>> = { ...parseConfig({}) };
  const changed = Object.entries(config).filter(
    ([key, value]) =>
      key === 'model' || (!withoutEffect.has(key) && value !== null && !isDeepStrictEqual(value, defaults[key])),
  );
  return commandLine('train', [folder], Object.fromEntries(changed));
}
