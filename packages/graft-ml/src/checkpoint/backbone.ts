import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { option } from '@graft-ml/core/internal/base/code';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { readOnnxMetadata } from '@graft-ml/core/internal/graph/onnx-metadata';
import { fittedTo, isOnnx } from '@graft-ml/core/internal/models/index';
import { withLayers } from '@graft-ml/core/internal/models/with-layers';
import type { ResolvedConfig } from '@graft-ml/core/internal/recipe/config/index';
import type { PreprocessingChanges } from '@graft-ml/core/internal/recipe/preprocessing';
import type { Backbone } from '@graft-ml/core/internal/runs/prepared';
import type { OwnOnnx } from '@graft-ml/core/internal/runs/run-files';
import { checkpointOf, seenIn } from '@graft-ml/core/internal/weights/checkpoint';
import { getModel, openOnnxModel } from '@graft-ml/core/models';
import { assertExpected } from '../files/download/expectations.ts';
import type { FetchOptions } from '../files/download/fetch-file.ts';
import { nativeHash } from '../files/tensors-hash.ts';
import { type OnnxBytes, readOnnxFile } from './onnx-file.ts';
import { readCheckpoint } from './read-checkpoint.ts';
import { resolveWeights } from './resolve.ts';

export interface BackboneOptions {
  readonly download?: FetchOptions | undefined;
  /** The run's own copy of the ONNX file. */
  readonly onnxFile?: OwnOnnx | undefined;
}

/** The options that decide the backbone. */
export type BackboneConfig = Pick<ResolvedConfig, 'model' | 'head' | 'weights'> &
  Pick<PreprocessingChanges, 'mean' | 'std'> &
  Partial<Pick<ResolvedConfig, 'dropout'>>;

/**
 * The model of a configuration with its weights: from the zoo, where they are downloaded once or come from a file, or
 * an ONNX file, which has its own.
 *
 * @throws UserError where a file cannot be read or does not fit, or published weights cannot be had
 */
export async function openBackbone(config: BackboneConfig, options: BackboneOptions = {}): Promise<Backbone> {
  if (isOnnx(config.model)) return openOnnxBackbone(config, options);
  const model = getModel(config.model);
  if (config.weights === null) {
    if (options.download?.expectSha256 !== undefined) {
      throw new OptionError({
        option: 'expectSha256',
        expected: 'nothing without weights',
        received: options.download.expectSha256,
        problem: ' is of a file of weights, and no weights are taken: leave it out.',
      });
    }
    return { model: withLayers(model, config.head, config.dropout), checkpoint: null, onnx: null };
  }
  const resolved = await resolveWeights(config.weights, { ...options.download, model: config.model });
  const checkpoint = await readCheckpoint(resolved.path, model, resolved);
  const fitted = fittedTo(model, checkpoint.tensors);
  return { model: withLayers(fitted, config.head, config.dropout), checkpoint, onnx: null };
}

async function openOnnxBackbone(
  { model: path, head, dropout, weights, mean, std }: BackboneConfig,
  { onnxFile, download }: BackboneOptions,
): Promise<Backbone> {
  if (weights !== null) {
    const problem = `: ${path} has its own. Leave them out.`;
    throw new OptionError({ option: 'weights', expected: 'none with an ONNX file', received: weights, problem });
  }
  const { bytes, sha256 } = await readOnnx(path, onnxFile);
  assertExpected(path, sha256, download?.expectSha256);
  const { input = 'pixels' } = readOnnxMetadata(bytes);
  if (input === 'image' || input === 'rawPixelValues') {
    throw new UserError(
      `${path} resizes images itself, and only networks that are given images of their own size are opened here. Export ` +
        `its run with ${option('preprocessing', 'outside')}, or run it with \`graft-ml/predict\`.`,
    );
  }
  const { model, tensors, classes, notes, metadata } = openOnnxModel(bytes, {
    name: basename(path),
    ...(mean && { mean }),
    ...(std && { std }),
  });
  const description = { preprocessing: model.preprocessing, classes, seen: seenIn(metadata), notes };
  const checkpoint = checkpointOf(path, tensors, description, nativeHash());
  return { model: withLayers(model, head, dropout), checkpoint, onnx: bytes };
}

/** A run's own copy, which is in one piece. */
async function ofRun({ read }: OwnOnnx): Promise<OnnxBytes> {
  const bytes = await read();
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** Reads an ONNX file: one named by the user, links followed, or a run's own copy. */
async function readOnnx(path: string, own: OwnOnnx | undefined): Promise<OnnxBytes> {
  const file = own?.path ?? path;
  const read = await (own ? ofRun(own) : readOnnxFile(path, { links: 'follow' })).catch((error: Error) => {
    throw new OptionError({
      option: 'model',
      expected: 'an ONNX file',
      received: file,
      problem: `: ${file} cannot be read (${error.message}).`,
      cause: error,
    });
  });
  if (own?.sha256 && read.sha256 !== own.sha256) {
    throw new UserError(
      `${file} is damaged: its content is not what the run began with. Copy the model that it was started from ` +
        `(${path}) over it.`,
    );
  }
  return read;
}
