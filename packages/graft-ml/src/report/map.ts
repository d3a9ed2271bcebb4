import { basename, isAbsolute, join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { palette } from '@graft-ml/core/internal/chart/index';
import { embedRun, type RunEmbedding } from '../explain/run-embedding.ts';
import type { GatherOptions, ShownPart } from './facts.ts';
import { percent } from './format.ts';
import { html, type Markup } from './html.ts';
import type { ThumbnailSheet } from './images.ts';
import type { SelectedImage } from './selection.ts';

/** A map of the images in feature space, or why there is none. */
export type ImageMap =
  | { readonly embedding: RunEmbedding; readonly problem?: undefined }
  | { readonly embedding?: undefined; readonly problem: string };

/** The map of a run: the one that is kept in its folder, or a new one. */
export async function mapOf(run: string, { onProgress, ...options }: GatherOptions): Promise<ImageMap> {
  const stages = { features: 'computing features', map: 'drawing the map' } as const;
  try {
    const embedding = await embedRun(run, {
      ...options,
      onProgress: (stage, done, total) => onProgress?.({ stage: stages[stage], done, total }),
    });
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

interface MapSubject {
  readonly map: ImageMap;
  readonly folder: string;
  readonly shown: ShownPart | null;
  /** Images that are not to be shown: those of the test part. */
  readonly hidden: ReadonlySet<string>;
}

/** Each image as a point in the colour of its label, near those whose features are like its own. */
export function mapSection({ map, folder, shown, hidden }: MapSubject, sheet: ThumbnailSheet): Markup {
  if (map.problem !== undefined) return html`<p class="note">No map: ${map.problem}</p>`;
  const { embedding } = map;
  const { images, classes, points, overlap } = embedding;
  const place = scaleOf(points.data);
  const known = knownImages(shown);
  const drawn = images.flatMap((image, i) => {
    const path = isAbsolute(image.path) ? image.path : join(folder, image.path);
    if (hidden.has(path)) return [];
    return [{ ...image, image: known.get(path), at: place(points.data[2 * i]!, points.data[2 * i + 1]!) }];
  });
  const isWrong = ({ image }: (typeof drawn)[number]) => image !== undefined && image.label !== image.predicted;
  const ordered = [...drawn.filter((one) => !isWrong(one)), ...drawn.filter(isWrong)];
  const marks = ordered.map((one) => {
    const { path, label, at, image } = one;
    const says = `${basename(path)}: ${classes[label]}${isWrong(one) ? `, classified as ${classes[image!.predicted]}` : ''}`;
    return html`<g class="s${label % palette.length}${isWrong(one) && ' miss'}"><title>${says}</title>${symbolOf(label, at, isWrong(one) ? 5 : 3.2)}${image && sheet.has(image) && zoom(sheet.idOf(image), at)}</g>`;
  });
  const legend = classes.map(
    (name, label) =>
      html`<li><svg class="s${label % palette.length}" width="12" height="12" aria-hidden="true">${symbolOf(label, [6, 6], 4.5)}</svg> ${name}</li>`,
  );
  const closest = overlap.pairs.slice(0, 3).filter(({ share }) => share > 0);
  const lies = `Map of ${drawn.length} images in feature space`;
  return html`<p>Images that the network sees alike lie together. Colours are labels; a ring is a validation image that was classified wrongly. A lone point among those of another class is worth a look: rest the pointer on it.</p>
<ul class="legend">${legend}</ul>
<svg class="map" role="img" aria-label="${lies}" viewBox="0 0 ${width} ${height}">${marks}</svg>
${closest.length > 0 && html`<p>Classes that overlap most: ${closest.map(({ classes: [a, b], share }) => `${a} and ${b} (${percent(share, 0)} of nearest neighbours)`).join('; ')}.</p>`}
<p class="quiet">${drawn.length} images of the training and validation parts${embedding.total > images.length && `, drawn from ${embedding.total}`}; features of the last layer but one, ${embedding.shares.length} principal components, UMAP. Distances within a group mean more than distances between groups.</p>`;
}

/** The images that have a thumbnail, by their files; within an archive each has a path of its own, too. */
function knownImages(shown: ShownPart | null): Map<string, SelectedImage> {
  return new Map([...(shown?.thumbnails.keys() ?? [])].map((image) => [image.path, image]));
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
