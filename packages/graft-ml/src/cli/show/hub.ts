import { plural } from '@graft-ml/core/internal/base/plural';
import { printableName } from '@graft-ml/core/internal/base/printable';
import type { Pulled } from '../../hub/pull-model.ts';
import type { Pushed } from '../../hub/push-model.ts';
import { commandLine } from '../../text/wording.ts';
import { table } from './format.ts';
import type { Result } from './printer.ts';

/** What was pushed, or would be. */
export function pushResult(pushed: Pushed): Result {
  const { repo, url, branch, visibility, isNew, files, others, commit } = pushed;
  const isPlan = commit === null;
  const rows = files.map(({ path, bytes, isUnchanged }) => [path, size(bytes), isUnchanged ? 'unchanged' : '']);
  const sent = files.filter(({ isUnchanged }) => !isUnchanged).length;
  const end = isPlan
    ? `Would be pushed to ${url}. Nothing was sent.`
    : sent === 0
      ? `Nothing has changed: ${url} has it in commit ${commit.slice(0, 12)}.`
      : `Pushed ${plural(sent, 'file')} to ${url} (${branch}), commit ${commit.slice(0, 12)}. ` +
        `The repository is ${isNew ? 'new and ' : ''}${visibility}.`;
  const left = others.slice(0, 20).map((path) => printableName(path));
  return {
    notes: left.length > 0 ? [`${repo} also has files that are not this model's, and stay: ${left.join(', ')}.`] : [],
    lines: [table(['file', 'size', ''], rows), '', end],
    json: pushed,
  };
}

/** What was pulled, and how to use it. */
export function pullResult(pulled: Pulled): Result {
  const { repo, commit, out, files, skipped, model, isUnchanged } = pulled;
  const rows = files.map(({ path, bytes }) => [path, size(bytes)]);
  const done = isUnchanged ? 'is there already' : 'is in';
  const end = isUnchanged
    ? `${repo} ${done}, in ${out}: commit ${commit.slice(0, 12)}.`
    : `${repo} ${done} ${out}: commit ${commit.slice(0, 12)}.`;
  return {
    notes:
      skipped > 0
        ? [`${plural(skipped, 'other file')} of the repository ${skipped === 1 ? 'was' : 'were'} left there.`]
        : [],
    lines: [table(['file', 'size'], rows), '', end, ...next(out, model)],
    json: pulled,
  };
}

function next(out: string, model: string): string[] {
  if (model === out || /\/model\.onnx$/.test(model)) return [`Next: ${commandLine('predict', [out])} <image>`];
  return [];
}

function size(bytes: number): string {
  return bytes < 2 ** 20 ? `${(bytes / 2 ** 10).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
