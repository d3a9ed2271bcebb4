import { beginning, newFolder } from '../begin.ts';
import { defineCommand } from '../command.ts';
import { longCall } from '../long-call.ts';
import { metaTrainFile, metaTrainTable } from '../options/meta-train.ts';
import { assertNoneBesideResume, assertNoneWithoutResume } from '../resume.ts';

export const metaTrainCommand = defineCommand({
  ...metaTrainTable,
  goesOnUnread: () => true,
  async defaults(given) {
    if (typeof given.config !== 'string') return {};
    const { folder: _, ...values } = (await readFile(given.config, Object.keys(given))).values;
    return values;
  },
  async run({ positionals: [folder], options, given, terminal }) {
    const { out, overwrite, resume, data, from, config: file, offline, mirror, expectSha256, ...config } = options;
    const { resumeMeta, trainMeta } = await import('../../meta/train-meta.ts');
    const { showRun } = await import('../show/run.ts');
    const call = () => longCall(terminal, { offline, mirror, expectSha256 });
    if (resume !== null) {
      assertNoneBesideResume('meta train', folder, given, ['weights']);
      const weights = given.includes('weights') ? (config.weights ?? undefined) : undefined;
      const events = resumeMeta(resume, { ...call(), data: data ?? undefined, weights, from });
      return showRun(terminal, events, { command: 'graft meta train', out: resume });
    }
    assertNoneWithoutResume('meta train', given);
    const read = file === null ? null : { path: file, read: await readFile(file, given) };
    const { folder: images, repeated } = beginning('meta train', folder, read, given);
    const path = out ?? newFolder(config.learner);
    const events = trainMeta(images, config, { ...call(), ...repeated, out: path, overwrite });
    await showRun(terminal, events, { command: 'graft meta train', out: path });
  },
});

async function readFile(path: string, given: readonly string[]) {
  const { readConfigFileOf } = await import('../../runs/config-file.ts');
  const { metaRuns } = await import('@graft-ml/core/internal/runs/meta-run');
  return readConfigFileOf(path, metaTrainFile, metaRuns, given);
}
