import { numbersOf, type TensorOf } from '@graft-ml/core';
import { argmax } from '@graft-ml/core/internal/base/largest';
import { plural } from '@graft-ml/core/internal/base/plural';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { softmax } from '@graft-ml/core/internal/evaluate/evaluation';
import { interleaved } from '@graft-ml/core/internal/explain/index';
import type { Episode } from '@graft-ml/core/internal/meta/episode';
import type { OpenMetaTest } from '../meta/test-meta.ts';
import { percent } from './format.ts';
import { html, type Markup, trusted } from './html.ts';
import { imageUri } from './thumbnails.ts';

/** An episode that a report shows, and what the learner said of its queries. */
export interface ShownEpisode {
  /** Why it is shown: `the best`, `the median`, `drawn at random`. */
  readonly why: string;
  /** Its number among those that were tested, from 0. */
  readonly index: number;
  readonly episode: Episode;
  /** Logits (queries, way) without a step; null of a learner that takes none. */
  readonly before: TensorOf<'f32'> | null;
  readonly after: TensorOf<'f32'>;
}

/** The best, the median and the worst episode of a test, and two that are drawn at random. */
export async function shownEpisodes(
  { opened, steps, draw, answers }: OpenMetaTest,
  accuracies: readonly number[],
): Promise<ShownEpisode[]> {
  const order = accuracies.map((_, i) => i).sort((a, b) => accuracies[b]! - accuracies[a]! || a - b);
  const any = randomStream(opened.config.seed, 'report', 'episodes').shuffle(order);
  const chosen = new Map<number, string>();
  const wanted = [
    [order[Math.floor(order.length / 2)]!, 'The median'],
    [order[0]!, 'The best'],
    [order.at(-1)!, 'The worst'],
    ...any.map((index) => [index, 'Drawn at random'] as const),
  ] as const;
  for (const [index, why] of wanted) if (chosen.size < 5 && !chosen.has(index)) chosen.set(index, why);
  const shown: ShownEpisode[] = [];
  for (const [index, why] of chosen) {
    const episode = draw(index);
    const after = await answers(episode, steps);
    shown.push({ why, index, episode, after, before: steps > 0 ? await answers(episode, 0) : null });
  }
  return shown;
}

/** The side of a thumbnail, in pixels. */
const side = 64;
/** Images of a class that are shown, of each kind. */
const most = { support: 5, queries: 6 } as const;
/** Characters of all thumbnails together. */
const budget = 1_500_000;

/** Each episode with its support and its queries, and what was said of them before and after adaptation. */
export async function episodesSection(shown: readonly ShownEpisode[], tested: number): Promise<Markup> {
  const pages: Markup[] = [];
  const room = { left: budget };
  for (const [i, one] of shown.entries()) {
    if (room.left > 0) pages.push(await episodeMarkup(one, tested, { room, isOpen: i === 0 }));
  }
  return html`<p>A task as the learner gets it: from the small images it learns what a class is, and says of the framed ones which class they are of. A wrong answer names the class that was said; the percentages are how sure it was.${shown.some(({ before }) => before) && ' The answer before adaptation is in brackets where it was another class.'}</p>${pages}`;
}

async function episodeMarkup(
  { why, episode, before, after }: ShownEpisode,
  tested: number,
  { room, isOpen }: { readonly room: { left: number }; readonly isOpen: boolean },
): Promise<Markup> {
  const { classes, support, supportLabels, query, queryLabels } = episode;
  const queries = query.shape[0]!;
  const [said, saidBefore] = [answersIn(after), before === null ? null : answersIn(before)];
  const right = (answers: readonly Answer[]) =>
    answers.filter(({ label }, i) => label === Number(queryLabels.data[i])).length;
  const rowsOf = (labels: TensorOf<'i64'>, label: number) =>
    Array.from(labels.data, Number).flatMap((own, i) => (own === label ? [i] : []));
  const tasks: Markup[] = [];
  for (const [label, name] of classes.entries()) {
    const known: Markup[] = [];
    for (const row of rowsOf(supportLabels, label).slice(0, most.support)) {
      known.push(html`<li>${await thumbnail(support, row, `${name}, to learn from`, room)}</li>`);
    }
    const asked: Markup[] = [];
    for (const row of rowsOf(queryLabels, label).slice(0, most.queries)) {
      const { says, short, was, isRight } = verdict(classes, label, said[row]!, saidBefore?.[row]);
      const image = await thumbnail(query, row, `${name}: ${says}`, room);
      asked.push(
        html`<li class="${isRight ? 'hit' : 'miss'}">${image}<span>${short}</span>${was && html`<span class="quiet was">${was}</span>`}</li>`,
      );
    }
    tasks.push(
      html`<div class="class"><h3>${letterOf(label)} · ${name}</h3><ul class="images support" aria-label="to learn from">${known}</ul><ul class="images" aria-label="queries">${asked}</ul></div>`,
    );
  }
  const share = (count: number) => percent(count / queries, 0);
  return html`<details class="episode"${trusted(isOpen ? ' open' : '')}><summary><b>${why}</b> of ${plural(tested, 'episode')}: ${share(right(said))} of ${queries} queries right${saidBefore && `, before adaptation ${share(right(saidBefore))}`}</summary>${tasks}</details>`;
}

/** A short name for a class of an episode: A, B, …, and numbers beyond Z. */
function letterOf(label: number): string {
  return label < 26 ? String.fromCharCode(65 + label) : String(label + 1);
}

/** What was said of a query, for whoever sees its image and for whoever does not. */
function verdict(classes: readonly string[], label: number, now: Answer, before: Answer | undefined) {
  const isRight = now.label === label;
  const earlier = before && before.label !== now.label ? before : null;
  const sure = percent(now.probability, 0);
  return {
    isRight,
    says: `${isRight ? 'right' : `wrong, ${classes[now.label]}`}, ${sure}${earlier ? `; before: ${classes[earlier.label]}, ${percent(earlier.probability, 0)}` : ''}`,
    short: isRight ? `✓ ${sure}` : `✗ ${letterOf(now.label)}, ${sure}`,
    was: earlier && `(${letterOf(earlier.label)}, ${percent(earlier.probability, 0)})`,
  };
}

interface Answer {
  readonly label: number;
  readonly probability: number;
}

function answersIn(logits: TensorOf<'f32'>): Answer[] {
  const [rows, way] = [logits.shape[0]!, logits.shape[1]!];
  const numbers = numbersOf(logits);
  return Array.from({ length: rows }, (_, row) => {
    const probabilities = softmax(numbers.slice(row * way, (row + 1) * way));
    const label = argmax(probabilities);
    return { label, probability: probabilities[label]! };
  });
}

/** An image of an episode as the network sees it. */
async function thumbnail(images: TensorOf<'u8'>, row: number, says: string, room: { left: number }): Promise<Markup> {
  const [, , height, width] = images.shape as readonly [number, number, number, number];
  const size = 3 * height * width;
  const uri = await imageUri(
    interleaved({ width, height, data: images.data.subarray(row * size, (row + 1) * size) }),
    side,
  );
  room.left -= uri.length;
  return html`<img src="${uri}" alt="${says}" width="${side}" height="${side}">`;
}
