import { basename } from 'node:path';
import { findLabelIssues } from '@graft-ml/core/evaluate';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { plural } from '@graft-ml/core/internal/base/plural';
import type { ImageFile } from '../data/decode.ts';
import { type OpenedRun, pathFrom } from '../explain/opened-run.ts';
import { type RunLabelIssue, type RunLabelIssues, runLabelIssues } from '../explain/run-label-issues.ts';
import type { GatherOptions } from './facts.ts';
import { percent } from './format.ts';
import { html, type Markup } from './html.ts';
import type { ThumbnailSheet } from './images.ts';

/** A label that is probably wrong, with its image. */
export interface Suspect extends Omit<RunLabelIssue, 'path'> {
  readonly image: ImageFile;
}

/** The labels that are probably wrong, and what they were found by, or why they were not looked for. */
export type LabelCheck =
  | (Omit<RunLabelIssues, 'issues'> & { readonly by: 'probe'; readonly issues: readonly Suspect[] })
  | {
      readonly by: 'answers';
      readonly issues: readonly Suspect[];
      readonly images: number;
      /** Why there were no features to ask. */
      readonly reason: string;
    }
  | { readonly by: null; readonly issues: readonly []; readonly reason: string };

/** Looks for wrong labels by the features that a run began with; of a run without any, says why not. */
export async function checkLabels(opened: OpenedRun, options: GatherOptions): Promise<LabelCheck> {
  const { cache, openStore, download, checkpoint, signal, onProgress } = options;
  const stages = { features: 'computing features', probes: 'training probes' } as const;
  try {
    const { issues, ...found } = await runLabelIssues(opened, {
      ...{ cache, openStore, download, checkpoint, signal },
      onProgress: (stage, done, total) => onProgress?.({ stage: stages[stage], done, total }),
    });
    const files = filesOf(opened);
    const suspects = issues.flatMap(({ path, ...issue }) => {
      const image = files.get(pathFrom(opened.folder, path));
      return image ? [{ ...issue, image }] : [];
    });
    return { ...found, by: 'probe', issues: suspects };
  } catch (error) {
    if (error instanceof UserError) return { by: null, issues: [], reason: error.message };
    throw error;
  }
}

/** The training and validation images of a run by their paths. */
export function filesOf({ images: { images } }: OpenedRun): ReadonlyMap<string, ImageFile> {
  return new Map([...images.train, ...images.validation].map((image) => [image.path, image]));
}

/** An image that a run did not learn from, with its answer. */
export interface AnsweredImage extends ImageFile {
  readonly label: number;
  readonly probabilities: Float32Array;
}

/** Wrong labels by a run's own answers for images that it did not learn from: confident learning over those alone. */
export function checkAnswers(answered: readonly AnsweredImage[], reason: string): LabelCheck {
  if (answered.length === 0) return { by: null, issues: [], reason };
  const labels = answered.map(({ label }) => label);
  const rows = answered.map(({ probabilities }) => Float64Array.from(probabilities));
  const issues = findLabelIssues(labels, rows).issues.map(({ index, quality: _, ...issue }) => {
    const { label: _label, probabilities: _probabilities, ...image } = answered[index]!;
    return { ...issue, part: 'validation' as const, image };
  });
  return { by: 'answers', issues, images: answered.length, reason };
}

/** The most suspects that are shown. */
export const mostSuspects = 24;

/** The labels that are probably wrong, the worst first. */
export function labelsSection(check: LabelCheck, classes: readonly string[], sheet: ThumbnailSheet): Markup {
  const { by, issues } = check;
  const title = html`<h3>Labels that may be wrong</h3>`;
  if (by === null) return html`${title}<p class="note">They were not looked for: ${check.reason}</p>`;
  const looked =
    by === 'probe'
      ? html`<p class="quiet">Confident learning over ${plural(check.images, 'image')} of the training and validation parts${check.total > check.images + check.leftOut && `, drawn from ${check.total.toLocaleString('en')}`}: each is judged by a linear probe that was trained on the other four fifths, on features of the backbone that the run began with. Those have not seen these labels, as a fine-tuned backbone’s would have${check.fitted > 0 && html`; but the weights it began with were fitted to ${plural(check.fitted, 'of these images', 'of these images')}, among which wrong labels are harder to find`}. The probe agrees with ${percent(check.agreement)} of the labels.${check.leftOut > 0 && ` ${plural(check.leftOut, 'image')} could not be read.`}</p>`
      : html`<p class="quiet">Confident learning over the run’s own answers for ${plural(check.images, 'validation image')}, from which it did not learn. Training images are not judged: the run has seen their labels, and there are no features that have not: ${check.reason}</p>`;
  const few =
    classes.length < 4 &&
    html`<p class="quiet">Of ${classes.length} classes confident learning counts too few wrong labels: look beyond the list, too.</p>`;
  if (issues.length === 0) return html`${title}<p>No label is suspected.</p>${looked}${few}`;
  const shown = issues.filter(({ image }) => sheet.has(image)).slice(0, mostSuspects);
  const less = issues.length > shown.length && ` The ${shown.length} worst are shown.`;
  const caption = ({ image, part, given, likely, selfConfidence, confidence }: Suspect) =>
    html`label <b>${classes[given]}</b> ${percent(selfConfidence, 0)}<br>likely <b>${classes[likely]}</b> ${percent(confidence, 0)}<br><span class="quiet">${part === 'train' ? 'training' : 'validation'}, ${basename(image.path)}</span>`;
  const items = shown.map((suspect) => ({
    image: suspect.image,
    says: `${basename(suspect.image.path)}: labelled ${classes[suspect.given]}, likely ${classes[suspect.likely]}`,
    caption: caption(suspect),
  }));
  return html`${title}<p>${plural(issues.length, 'label is', 'labels are')} suspected, the worst first, with the probability of the label and of the likelier class. Look before you change one: among them are hard images with right labels.${less}</p>
${sheet.list(items)}${looked}${few}`;
}
