import { UserError } from '@graft-ml/core/internal/base/errors';
import type { NewImage } from '../collection/collection.ts';
import { drawShape, shapeNames } from './shapes.ts';

/** A set of images that comes with the page. */
export interface SampleSet {
  readonly name: string;
  readonly about: string;
  readonly licence: string;
  readonly classes: readonly string[];
  readonly mostPerClass: number;
  /** Images of each class, in the order of `classes`. */
  images(perClass: number): Promise<readonly (readonly NewImage[])[]>;
}

/** One image with the digits 0 to 9 in its rows, made by build/files.ts. */
const digitSide = 28;
const digitsInRow = 40;

export const sampleSets: readonly SampleSet[] = [
  {
    name: 'Handwritten digits',
    about: 'Dark ink on white paper, 28 x 28 pixels. Five images of each are enough for a meta-learned start.',
    licence: 'From MNIST by Yann LeCun and Corinna Cortes, CC BY-SA 3.0.',
    classes: Array.from({ length: 10 }, (_, digit) => String(digit)),
    mostPerClass: digitsInRow,
    images: digits,
  },
  {
    name: 'Shapes',
    about: 'Circles, squares, triangles, stars, crosses and hexagons in all colours and sizes, drawn by this page.',
    licence: 'Made by the page itself, free to use.',
    classes: shapeNames,
    mostPerClass: 100,
    images: (perClass) =>
      Promise.all(
        shapeNames.map((name) =>
          Promise.all(
            Array.from({ length: perClass }, async (_, i) => ({
              name: `${name}-${numbered(i)}.png`,
              file: await drawShape(name, i),
            })),
          ),
        ),
      ),
  },
];

async function digits(perClass: number): Promise<NewImage[][]> {
  const response = await fetch(new URL('samples/digits.png', document.baseURI));
  if (!response.ok) throw new UserError('The digits could not be loaded from the server that this page came from.');
  const sheet = await createImageBitmap(await response.blob());
  const rows = Array.from({ length: 10 }, (_, digit) =>
    Promise.all(
      Array.from({ length: perClass }, async (_, i) => {
        const canvas = new OffscreenCanvas(digitSide, digitSide);
        canvas.getContext('2d')!.drawImage(sheet, -i * digitSide, -digit * digitSide);
        return { name: `${digit}-${numbered(i)}.png`, file: await canvas.convertToBlob({ type: 'image/png' }) };
      }),
    ),
  );
  const images = await Promise.all(rows);
  sheet.close();
  return images;
}

const numbered = (i: number) => String(i + 1).padStart(3, '0');
