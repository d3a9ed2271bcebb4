import { call } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import type { Seen } from '@graft-ml/core/internal/image/seen';
import { penultimate } from '@graft-ml/core/internal/models/index';
import { isWeightsFile } from '@graft-ml/core/internal/runs/named-paths';
import { isTrainedByProgram } from '@graft-ml/core/internal/runs/run-file';
import { allVariables } from '@graft-ml/core/internal/weights/checkpoint';
import { normalisePixels } from '@graft-ml/core/nn';
import { openBackbone } from '../checkpoint/backbone.ts';
import type { Classifier } from '../evaluate/classifier.ts';
import type { FeatureExtractor } from '../experiment/pooled-features.ts';
import type { FetchOptions } from '../files/download/fetch-file.ts';
import { areOwnPaths } from '../runs/own-paths.ts';
import { type OpenRunStore, ownOnnx } from '../runs/run-store.ts';
import type { OpenedRun } from './opened-run.ts';

/** The network of a run up to the input of its last layer. */
export function ownExtractor({ model, variables, preprocessing, runtime }: Classifier): FeatureExtractor {
  return {
    forward: (s, x) => penultimate(model, s, normalisePixels(x, preprocessing)),
    variables,
    preprocessing,
    runtime,
  };
}

/** The backbone that a run began with, whose features have not seen the labels that the run learned from. */
export interface StartOfRun {
  readonly extractor: FeatureExtractor;
  /** The images that it was made of; null where unknown. */
  readonly seen: Seen | null;
}

/**
 * The backbone that a run began with, seeing images as the run does. Nothing is downloaded for it.
 *
 * @throws UserError where it began with random numbers, or its weights cannot be had any more
 */
export async function startExtractor(
  { path, run, classifier }: OpenedRun,
  { openStore, download }: { readonly openStore?: OpenRunStore | undefined; readonly download: FetchOptions },
): Promise<StartOfRun> {
  const { config, preprocessing } = run;
  if (isTrainedByProgram(run)) throw new UserError('a program trained the run, and nobody noted what it began with.');
  if (run.adaptedFrom !== null)
    throw new UserError('the run was adapted from one of meta-learning, and not from pretrained weights.');
  if (run.weightsSha256 === null) throw new UserError('the run was trained from scratch, without pretrained weights.');
  if (isWeightsFile(config.weights, config.model) && !(await areOwnPaths(run))) {
    const way = call('labelIssues', [run.folder]);
    throw new UserError(
      `the run was not made by you on this machine, so that ${config.weights}, which it began with, is not opened (${way} takes weights).`,
    );
  }
  const { model, checkpoint } = await openBackbone(
    { ...config, head: null },
    { download: { offline: true, ...download }, onnxFile: ownOnnx(path, run, openStore) },
  );
  if (checkpoint?.sha256 !== run.weightsSha256) {
    throw new UserError(`${config.weights ?? config.model}: these are not the weights that the run began with.`);
  }
  const network = imageNetwork(model, preprocessing, 0);
  const variables = allVariables(checkpoint, model, variablesOf(network), { newHead: true, seed: 0 });
  const { runtime } = classifier;
  return { extractor: { forward: network.forward, variables, preprocessing, runtime }, seen: checkpoint.seen };
}
