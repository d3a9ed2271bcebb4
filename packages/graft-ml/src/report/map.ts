import { basename, isAbsolute, sep } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { plural } from '@graft-ml/core/internal/base/plural';
import { palette } from '@graft-ml/core/internal/chart/index';
import { type OpenedRun, pathFrom } from '../explain/opened-run.ts';
import { embedOpened, type RunEmbedding } from '../explain/run-embedding.ts';
import type { GatherOptions, ReportFacts } from './facts.ts';
import { percent } from './format.ts';
import { exact, html, type Markup } from './html.ts';
import type { ThumbnailSheet } from './images.ts';

/** A map of the images in feature space, or why there is none. */
export type ImageMap =
  | { readonly embedding: RunEmbedding; readonly problem?: undefined }
  | { readonly embedding?: undefined; readonly problem: string };

/** The map of a run: the one that is kept in its folder, or a new one. */
export async function mapOf(opened: OpenedRun, { onProgress, ...options }: GatherOptions): Promise<ImageMap> {
  const stages = { features: 'computing features', map: 'drawing the map' } as const;
  try {
    const embedding = await embedOpened(
      { ...opened, open: async () => opened },
      { ...options, onProgress: (stage, done, total) => onProgress?.({ stage: stages[stage], done, total }) },
    );
    return { embedding };
  } catch (error) {
    // A dataset that has changed since, or of one image, has no map: that is said in the report.
    if (error instanceof UserError) return { problem: error.message };
    throw error;
  }
}

const [width, height, margin] = [720, 480, 14] as const;
/** The side of a thumbnail that shows where the pointer rests. */
const zoomed = 112;

type MapFacts = Pick<ReportFacts, 'folder' | 'shown' | 'files'> & { readonly map: ImageMap };

/** Each image as a point in the colour of its label, near those whose features are like its own. */
export function mapSection({ map, folder, shown, files }: MapFacts, sheet: ThumbnailSheet): Markup {
  if (map.problem !== undefined) return html`<p class="note">No map: ${map.problem}</p>`;
  const { embedding } = map;
  const { images, classes, points, overlap, leftOut } = embedding;
  const place = scaleOf(points.data);
  const drawn = images.flatMap((image, i) => {
    const file = files.get(pathFrom(folder, image.path));
    if (!file) return []; // of the test part, whose images are not shown
    const answer = shown?.answers.get(file.path);
    const at = place(points.data[2 * i]!, points.data[2 * i + 1]!);
    return [{ ...image, thumbnail: sheet.idOf(file), answer, at }];
  });
  const isWrong = ({ answer, label }: (typeof drawn)[number]) => answer !== undefined && answer.predicted !== label;
  const ordered = [...drawn.filter((one) => !isWrong(one)), ...drawn.filter(isWrong)];
  const marks = ordered.map((one) => {
    const { path, label, at, answer, thumbnail } = one;
    const says = `${basename(path)}: ${classes[label]}${isWrong(one) ? `, classified as ${classes[answer!.predicted]}` : ''}`;
    const said = answer && html` data-a="${answer.predicted}" data-c="${Math.round(100 * answer.confidence)}"`;
    return html`<g class="s${label % palette.length}${isWrong(one) && ' miss'}" data-p="${exact(path)}"${isAbsolute(path) && html` data-whole`} data-x="${at[0]}" data-y="${at[1]}" data-l="${label}"${said}><title>${says}</title>${symbolOf(label, at, isWrong(one) ? 5 : 3.2)}${thumbnail !== undefined && zoom(thumbnail, at)}</g>`;
  });
  const legend = classes.map(
    (name, label) =>
      html`<li><svg class="s${label % palette.length}" width="12" height="12" aria-hidden="true">${symbolOf(label, [6, 6], 4.5)}</svg> ${name}</li>`,
  );
  const closest = overlap.pairs.slice(0, 3).filter(({ share }) => share > 0);
  const lies = `Map of ${plural(drawn.length, 'image')} in feature space`;
  return html`<p>Images that the network sees alike lie together. Colours are labels; a ring is a validation image that was classified wrongly. A lone point among those of another class is worth a look<span class="onscreen">: rest the pointer on it</span>.</p>
<ul class="legend">${legend}</ul>
<svg class="map" role="img" aria-label="${lies}" viewBox="0 0 ${width} ${height}">${marks}</svg>
${lassoPanel(classes, folder)}
${closest.length > 0 && html`<p>Classes that overlap most: ${closest.map(({ classes: [a, b], share }) => `${a} and ${b} (${percent(share, 0)} of nearest neighbours)`).join('; ')}.</p>`}
<p class="quiet">${plural(drawn.length, 'image')} of the training and validation parts${embedding.total > images.length + leftOut.length && `, drawn from ${embedding.total}`}${leftOut.length > 0 && html`; ${plural(leftOut.length, 'image')} could not be read and ${leftOut.length === 1 ? 'is' : 'are'} missing`}; features of the last layer but one, ${embedding.shares.length} principal components, UMAP. Distances within a group mean more than distances between groups.</p>`;
}

/** What chooses images on the map. It is out of sight until the script that works it has begun. */
function lassoPanel(classes: readonly string[], folder: string): Markup {
  const groups = classes.map((name, label) => html`<option value="${label}">${name}</option>`);
  return html`<div id="lasso" class="lasso" data-folder="${exact(folder.endsWith(sep) ? folder : folder + sep)}" hidden>
<p>Draw around points to list their images; with Shift, to add them to those that are chosen. Or choose by class and extend from there.</p>
<div class="controls"><button type="button" id="lasso-draw" aria-pressed="false">Lasso</button>
<label>Images <select id="lasso-group"><option value="all">all</option><option value="wrong">wrong answers</option>${groups}</select></label>
<button type="button" id="lasso-choose">Choose</button><button type="button" id="lasso-add">Add</button><button type="button" id="lasso-grow">Add neighbours</button><button type="button" id="lasso-clear">Clear</button></div>
<p id="lasso-says" role="status"></p>
<div id="lasso-chosen" hidden><div class="controls"><button type="button" id="lasso-copy">Copy paths</button></div>
<textarea id="lasso-paths" aria-label="Paths of the chosen images" rows="6" readonly hidden></textarea>
<div class="list" role="region" aria-label="Chosen images" tabindex="0"><ul class="images"></ul></div></div></div>`;
}

/** Fits coordinates into the drawing, each axis by its own range. */
function scaleOf(points: Float32Array): (x: number, y: number) => readonly [x: number, y: number] {
  const range = (axis: 0 | 1) => {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let i = axis; i < points.length; i += 2) {
      low = Math.min(low, points[i]!);
      high = Math.max(high, points[i]!);
    }
    return { low, span: high - low || 1 };
  };
  const [x, y] = [range(0), range(1)];
  const along = (value: number, { low, span }: typeof x, size: number) =>
    Math.round(10 * (margin + ((value - low) / span) * (size - 2 * margin))) / 10;
  return (a, b) => [along(a, x, width), along(b, y, height)];
}

/** Circles for the first classes; those whose colours come again have squares, then diamonds. */
function symbolOf(label: number, [x, y]: readonly [number, number], radius: number): Markup {
  const round = Math.floor(label / palette.length) % 3;
  if (round === 0) return html`<circle cx="${x}" cy="${y}" r="${radius}"/>`;
  const turn = round === 2 && html` transform="rotate(45 ${x} ${y})"`;
  const side = 1.8 * radius;
  return html`<rect x="${x - side / 2}" y="${y - side / 2}" width="${side}" height="${side}"${turn}/>`;
}

function zoom(id: string, [x, y]: readonly [number, number]): Markup {
  const left = x + 10 + zoomed > width ? x - 10 - zoomed : x + 10;
  const top = Math.min(Math.max(0, y - zoomed / 2), height - zoomed);
  return html`<use class="zoom" href="#${id}" x="${left}" y="${top}" width="${zoomed}" height="${zoomed}"/>`;
}
