import { UserError } from '@graft-ml/core/internal/base/errors';
import { isImageForm } from '@graft-ml/core/internal/export/forms';
import type { CheckpointName } from '@graft-ml/core/internal/fit/checkpoint-files';
import { formatProblems, type ImageProblem } from '@graft-ml/core/internal/image/problem';
import { readImageFile } from '../data/decode.ts';
import { findImages } from '../data/find-images.ts';
import { type OpenRunOptions, openRun } from '../evaluate/open-run.ts';
import { availableCores } from '../files/own-process.ts';
import { openBrowserAnswers } from './browser-answers.ts';
import { openAnswers, openExported } from './exported-answers.ts';
import { agree, EngineComparison, isDtype, resizeTolerance, tolerances, type Verification } from './verification.ts';

export interface VerifyOptions extends Pick<OpenRunOptions, 'openStore' | 'calibrated' | 'cache'> {
  /** The checkpoint that was exported. Default `best`. */
  readonly checkpoint?: CheckpointName | undefined;
  /**
   * Whether the model also answers in a page of an installed Chrome or Chromium, which needs the package
   * `playwright-core`. A text is the path of its program. Default false.
   */
  readonly browser?: boolean | string | undefined;
  /** Threads of ONNX Runtime. Default: the processor's cores. */
  readonly threads?: number | undefined;
  /** Ends it between two images, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Compares an exported ONNX model with the run that it is of, image by image: the likeliest class, and the probability
 * of every class. In `onnxruntime-node`, and in a browser twice: with the pixels that the run sees, and with the
 * browser's own decoding, so that what the model and what the decoder changes are told apart.
 *
 * @param run the run's folder
 * @param exported the ONNX file, or the folder of an export that has one in it
 * @param images a folder, a file or a pattern
 * @throws UserError where the run or the model cannot be opened, there is no image, or no browser
 * @example const { agrees } = await verifyExport('runs/flowers', 'flowers.onnx', 'photos/test', { browser: true });
 */
export async function verifyExport(
  run: string,
  exported: string,
  images: string,
  { browser = false, threads = availableCores(), signal, onProgress, ...options }: VerifyOptions = {},
): Promise<Verification> {
  const file = await openExported(exported);
  const dtype = isDtype(file.dtype) ? file.dtype : 'fp32';
  const { paths } = await findImages([images]);
  await using classifier = await openRun(run, { ...options, threads });
  await using answers = await openAnswers(file, classifier, threads);
  const isForPages = file.form === 'pixels' || file.form === 'image';
  const program = browser === true ? undefined : browser || undefined;
  await using page = browser !== false && isForPages ? await openBrowserAnswers(file.bytes, program) : null;
  const resizes = isImageForm(file.form);
  const tolerance = Math.max(tolerances[dtype], resizes ? resizeTolerance : 0);
  const comparison = (engine: string, pixels: 'same' | 'own') =>
    new EngineComparison({ engine, pixels }, classifier.classes, tolerance);
  const inNode = comparison(answers.engine, 'same');
  const inBrowser = page !== null && { same: comparison(page.engine, 'same'), own: comparison(page.engine, 'own') };
  const problems: ImageProblem[] = [];
  let done = 0;
  for await (const { path, probabilities, problem } of classifier.predict(paths, { signal })) {
    if (problem) problems.push(problem);
    else {
      const decode = async () =>
        classifier.pool.decode({ bytes: await readImageFile({ path }), name: path }, classifier.preprocessing);
      inNode.add(path, probabilities, await answers.answer(path, decode), 'model');
      if (page && inBrowser) {
        const { same, own } = await page.look(path, await decode());
        if (same.problem) throw new Error(`The browser refuses the pixels of ${path}: ${same.problem.message}`);
        const agrees = inBrowser.same.add(path, probabilities, same.probabilities, 'model');
        if (own.problem) inBrowser.own.refuse(own.problem);
        else inBrowser.own.add(path, probabilities, own.probabilities, agrees ? 'decoding' : 'model');
      }
    }
    signal?.throwIfAborted();
    onProgress?.(++done, paths.length);
  }
  if (problems.length === paths.length) {
    throw new UserError(`${images} has no image that could be compared. ${formatProblems(problems)}`);
  }
  const checks = [inNode, ...(inBrowser ? [inBrowser.same, inBrowser.own] : [])].map(({ result }) => result);
  return {
    file: file.path,
    form: file.form,
    dtype,
    images: paths.length - problems.length,
    problems,
    tolerance,
    checks,
    agrees: agree(checks),
    isRequired: dtype === 'fp32',
    notes: [...(resizes ? [ownResize] : []), ...(browser !== false && !isForPages ? [notInPages] : [])],
  };
}

const ownResize =
  `This model resizes images itself, to within one grey level of what the run sees: probabilities within ` +
  `${resizeTolerance} agree.`;
const notInPages =
  'A model with `pixel_values` is opened by transformers.js in a page, not by `@graft-ml/web/predict`; it was compared in ' +
  'Node alone, with images as the run decodes and, where the model does not, resizes them.';
