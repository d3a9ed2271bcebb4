import { OptionError } from '@graft-ml/core/internal/base/errors';
import { sha256Of } from '@graft-ml/core/internal/base/sha256';
import { fittedTo, isOnnx } from '@graft-ml/core/internal/models/index';
import { loadArchitecture } from '@graft-ml/core/internal/models/load-architecture';
import { withLayers } from '@graft-ml/core/internal/models/with-layers';
import type { ResolvedConfig } from '@graft-ml/core/internal/recipe/config/index';
import type { Backbone } from '@graft-ml/core/internal/runs/prepared';
import type { OwnOnnx } from '@graft-ml/core/internal/runs/run-files';
import { checkpointOf, seenIn } from '@graft-ml/core/internal/weights/checkpoint';
import { privateRuns } from '../runs/private-runs.ts';
import { readWeights, type WeightsOptions } from './weights.ts';

/** The options that decide the backbone. */
export type BackboneConfig = Pick<ResolvedConfig, 'model' | 'head' | 'weights'> &
  Partial<Pick<ResolvedConfig, 'dropout' | 'mean' | 'std'>>;

/**
 * The model of a configuration with its weights: from the zoo, or an ONNX file that is kept, which has its own.
 * @throws UserError where weights cannot be had or do not fit; OptionError where there is no such model
 */
export async function openBackbone(
  config: BackboneConfig,
  options: WeightsOptions & { readonly onnxFile?: OwnOnnx | undefined } = {},
): Promise<Backbone> {
  if (isOnnx(config.model)) return openOnnxBackbone(config, options);
  const model = await loadArchitecture(config.model);
  if (config.weights === null) {
    return { model: withLayers(model, config.head, config.dropout), checkpoint: null, onnx: null };
  }
  const checkpoint = await readWeights(config.weights, model, options);
  const fitted = fittedTo(model, checkpoint.tensors);
  return { model: withLayers(fitted, config.head, config.dropout), checkpoint, onnx: null };
}

async function openOnnxBackbone(
  { model: path, head, dropout, weights, mean, std }: BackboneConfig,
  { onnxFile, openStore = privateRuns() }: WeightsOptions & { readonly onnxFile?: OwnOnnx | undefined },
): Promise<Backbone> {
  if (weights !== null) {
    const problem = `: ${path} has its own. Leave them out.`;
    throw new OptionError({ option: 'weights', expected: 'none with an ONNX file', received: weights, problem });
  }
  const parts = path.split('/');
  const file = parts.at(-1)!;
  const bytes = await (onnxFile ? onnxFile.read() : openStore(parts.slice(0, -1).join('/')).read(file));
  if (onnxFile?.sha256 && (await sha256Of(bytes)) !== onnxFile.sha256) {
    throw new OptionError({
      option: 'model',
      expected: 'the ONNX file that the run began with',
      received: onnxFile.path,
      problem: `: ${onnxFile.path} is damaged: its content is not what the run began with.`,
    });
  }
  const { openOnnxModel } = await import('@graft-ml/core/internal/models/onnx/open'); // most pages need none
  const opened = openOnnxModel(bytes, { name: file, ...(mean && { mean }), ...(std && { std }) });
  const { model, tensors, classes, notes, metadata } = opened;
  const description = { preprocessing: model.preprocessing, classes, seen: seenIn(metadata), notes };
  return { model: withLayers(model, head, dropout), checkpoint: checkpointOf(path, tensors, description), onnx: bytes };
}
