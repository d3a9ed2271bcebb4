import { basename } from 'node:path';
import type { ImageFile } from '../data/decode.ts';
import { percent } from './format.ts';
import { type Content, html, type Markup } from './html.ts';
import type { SelectedImage } from './selection.ts';
import type { Thumbnails } from './thumbnails.ts';

/** An image in a list: what it is in words, and its caption. */
interface ListedImage {
  readonly image: ImageFile;
  readonly says: string;
  readonly caption: Content;
}

/** Thumbnails of a page: each stands in it once, and is used wherever its image is shown. */
export class ThumbnailSheet {
  readonly #ids: ReadonlyMap<string, string>;
  readonly #thumbnails: Thumbnails;

  constructor(thumbnails: Thumbnails) {
    this.#thumbnails = thumbnails;
    this.#ids = new Map([...thumbnails.keys()].map((path, i) => [path, `t${i}`]));
  }

  /** Where the thumbnail of an image stands in the page; undefined where there is none. */
  idOf({ path }: Pick<ImageFile, 'path'>): string | undefined {
    return this.#ids.get(path);
  }

  has({ path }: Pick<ImageFile, 'path'>): boolean {
    return this.#ids.has(path);
  }

  /** The thumbnails themselves, out of sight. */
  get definitions(): Markup {
    const symbols = [...this.#thumbnails].map(
      ([path, uri]) =>
        html`<symbol id="${this.#ids.get(path)}" viewBox="0 0 1 1"><image href="${uri}" width="1" height="1" preserveAspectRatio="xMidYMid slice"/></symbol>`,
    );
    return html`<svg class="defs" aria-hidden="true" width="0" height="0">${symbols}</svg>`;
  }

  /** A list of images. Those without a thumbnail are left out. */
  list(images: readonly ListedImage[]): Markup {
    const items = images.flatMap(({ image, says, caption }) => {
      const id = this.idOf(image);
      return id === undefined
        ? []
        : [html`<li><svg role="img" aria-label="${says}"><use href="#${id}"/></svg>${caption}</li>`];
    });
    return html`<ul class="images">${items}</ul>`;
  }

  /** A list of images that were classified. */
  classified(
    images: readonly SelectedImage[],
    classes: readonly string[],
    caption: (image: SelectedImage) => Content,
  ): Markup {
    const says = ({ path, label, predicted, confidence }: SelectedImage) =>
      `${basename(path)}: ${classes[label]}, classified as ${classes[predicted]} with ${percent(confidence, 0)}`;
    return this.list(images.map((image) => ({ image, says: says(image), caption: caption(image) })));
  }
}
