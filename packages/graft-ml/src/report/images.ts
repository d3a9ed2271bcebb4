import { basename } from 'node:path';
import { percent } from './format.ts';
import { type Content, html, type Markup } from './html.ts';
import type { SelectedImage } from './selection.ts';
import type { Thumbnails } from './thumbnails.ts';

/** Thumbnails of a page: each stands in it once, and is used wherever its image is shown. */
export class ThumbnailSheet {
  readonly #ids = new Map<SelectedImage, string>();
  readonly #thumbnails: Thumbnails;
  readonly #classes: readonly string[];

  constructor(thumbnails: Thumbnails, classes: readonly string[]) {
    this.#thumbnails = thumbnails;
    this.#classes = classes;
    for (const image of thumbnails.keys()) this.#ids.set(image, `t${this.#ids.size}`);
  }

  /** Where the thumbnail of an image stands in the page. */
  idOf(image: SelectedImage): string {
    return this.#ids.get(image)!;
  }

  has(image: SelectedImage): boolean {
    return this.#ids.has(image);
  }

  /** The thumbnails themselves, out of sight. */
  get definitions(): Markup {
    const symbols = [...this.#thumbnails].map(
      ([image, uri]) =>
        html`<symbol id="${this.#ids.get(image)}" viewBox="0 0 1 1"><image href="${uri}" width="1" height="1" preserveAspectRatio="xMidYMid slice"/></symbol>`,
    );
    return html`<svg class="defs" aria-hidden="true" width="0" height="0">${symbols}</svg>`;
  }

  /** A list of images, each with a caption. Those without a thumbnail are left out. */
  list(images: readonly SelectedImage[], caption: (image: SelectedImage) => Content): Markup {
    const items = images.filter((image) => this.has(image)).map((image) => this.#item(image, caption(image)));
    return html`<ul class="images">${items}</ul>`;
  }

  #item(image: SelectedImage, caption: Content): Markup {
    const [label, predicted] = [this.#classes[image.label]!, this.#classes[image.predicted]!];
    const says = `${basename(image.path)}: ${label}, classified as ${predicted} with ${percent(image.confidence, 0)}`;
    return html`<li><svg role="img" aria-label="${says}"><use href="#${this.#ids.get(image)}"/></svg>${caption}</li>`;
  }
}
