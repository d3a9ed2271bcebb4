import { extname } from 'node:path';
import type { ImageFormat } from '@graft-ml/core/internal/image/file/header';
import type { Problem, ProblemKind } from '@graft-ml/core/internal/image/problem';
import type { Within } from '../../files/within.ts';

/** The extensions that files of a format have, in any case, the usual one first. */
export const formatExtensions: { readonly [F in ImageFormat]: readonly string[] } = {
  jpeg: ['.jpg', '.jpeg', '.jfif'],
  png: ['.png'],
  webp: ['.webp'],
  gif: ['.gif'],
  avif: ['.avif'],
  tiff: ['.tif', '.tiff'],
  bmp: ['.bmp', '.dib'],
};

/** The extensions that are taken for images, in any case; what a file really is, its content says later. */
export const imageExtensions: readonly string[] = Object.values(formatExtensions).flat();

/** The extensions of image formats that are not read. */
const foreignExtensions: ReadonlyMap<string, string> = new Map(
  Object.entries({
    HEIC: ['.heic', '.heif', '.hif'],
    SVG: ['.svg', '.svgz'],
    'JPEG XL': ['.jxl'],
    'JPEG 2000': ['.jp2', '.j2k', '.jpx'],
    Photoshop: ['.psd', '.psb'],
    'Camera raw': ['.dng', '.cr2', '.cr3', '.nef', '.arw', '.raf', '.orf', '.rw2', '.pef', '.srw'],
    Netpbm: ['.ppm', '.pgm', '.pbm', '.pnm'],
    Targa: ['.tga'],
    Icon: ['.ico', '.icns'],
    OpenEXR: ['.exr'],
    'Radiance HDR': ['.hdr'],
    PCX: ['.pcx'],
    DICOM: ['.dcm', '.dicom'],
  }).flatMap(([format, extensions]) => extensions.map((extension) => [extension, format] as const)),
);

/** Whether a name ends as those of images do. */
export function isImageName(name: string): boolean {
  return imageExtensions.includes(extname(name).toLowerCase());
}

/** The problem of a file that has the name of an image in a format that is not read. */
export function foreignNameProblem(name: string): string | undefined {
  const format = foreignExtensions.get(extname(name).toLowerCase());
  return format && `${format} is not read; save the image as JPEG, PNG or TIFF`;
}

/** A file below a root. */
export interface ListedFile {
  /** Relative to the root, with '/' everywhere. */
  readonly name: string;
  /** Its place in a larger file, if it is no file of its own. */
  readonly within?: Within;
}

/** The visible content below a folder, or below the root of an archive. */
export interface Listing {
  readonly root: string;
  /** All regular files that are not hidden, in code unit order of their levels. */
  readonly files: readonly ListedFile[];
  /** The names of all folders, without the root's. */
  readonly folders: readonly string[];
  readonly problems: readonly Problem[];
  /** The number of entries that begin with a dot. */
  readonly hidden: number;
}

/** Files below one place: a folder on disk, or an archive. */
export interface FileTree {
  /** The path before the names, in every path and message. */
  readonly root: string;
  /** Problems found before anything was listed. */
  readonly problems: readonly Problem[];
  /** The names of the folders directly below the root, in code unit order. */
  folders(): Promise<readonly string[]>;
  /** Lists everything below one of its folders, with names relative to that; '' is the root. */
  list(folder: string): Promise<Listing>;
  /** The file of this name, or why there is none that can be used. */
  find(name: string): Promise<ListedFile | Refusal>;
  /** The content of a file, which may have so many bytes. @throws UserError where it is longer, or cannot be read */
  read(file: ListedFile, bytes: number): Promise<Uint8Array>;
}

export interface Refusal {
  readonly kind: ProblemKind;
  readonly message: string;
}

/** Code unit order of paths, level by level: what lies in a folder stays together. */
export function compareNames(a: string, b: string): number {
  const [left, right] = [a.split('/'), b.split('/')];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] !== right[i]) return left[i]! < right[i]! ? -1 : 1;
  }
  return left.length - right.length;
}
