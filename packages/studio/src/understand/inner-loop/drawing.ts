import { type RandomStream, randomStream } from '@graft-ml/core/internal/base/random';
import { type TensorOf, zeros } from '@graft-ml/core/internal/base/tensor';

/** A point on the paper: (0, 0) is its upper left corner, (1, 1) the lower right one. */
export type Point = readonly [x: number, y: number];
/** The way of the pen from where it touches the paper to where it leaves it. */
export type Stroke = readonly Point[];
/** A character as it was written: by hand on the pad, or by code. */
export type Drawing = readonly Stroke[];

/** The width of the pen as a share of the paper, as in Omniglot: about 3 of 105 pixels. */
export const penWidth = 0.032;

/**
 * A drawing as an image: grey levels (side · side), dark ink on white paper. A pixel is as dark as the pen covers it, by
 * the distance of its centre from the nearest stroke.
 */
export function inkOf(drawing: Drawing, side: number): Uint8Array<ArrayBuffer> {
  const radius = (penWidth * side) / 2;
  const segments = drawing.flatMap((stroke) => stroke.map((point, i) => [point, stroke[i + 1] ?? point] as const));
  const levels = new Uint8Array(side * side).fill(255);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const centre = [(column + 0.5) / side, (row + 0.5) / side] as const;
      const nearest = segments.reduce((least, [a, b]) => Math.min(least, side * distanceTo(centre, a, b)), side);
      levels[row * side + column] = Math.round(255 * (1 - Math.min(1, Math.max(0, radius + 0.5 - nearest))));
    }
  }
  return levels;
}

/** Drawings as the images of a network: (n, 3, side, side), all channels alike. */
export function imagesOf(drawings: readonly Drawing[], side: number): TensorOf<'u8'> {
  const images = zeros('u8', [drawings.length, 3, side, side]);
  drawings.forEach((drawing, i) => {
    const ink = inkOf(drawing, side);
    for (let channel = 0; channel < 3; channel++) images.data.set(ink, (3 * i + channel) * side * side);
  });
  return images;
}

/** The distance of a point from the line between two others. */
function distanceTo([x, y]: Point, [ax, ay]: Point, [bx, by]: Point): number {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const along = length > 0 ? Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / length)) : 0;
  return Math.hypot(x - ax - along * dx, y - ay - along * dy);
}

/** A character that code made up: its strokes as control points of curves. */
type Character = readonly (readonly Point[])[];

/** A character of two or three curved strokes; another under every other address. */
function character(seed: number, label: number): Character {
  const stream = randomStream(seed, 'character', label);
  return Array.from({ length: 2 + stream.integer(2) }, () =>
    Array.from({ length: 3 + stream.integer(2) }, () => [
      0.18 + 0.64 * stream.uniform(),
      0.18 + 0.64 * stream.uniform(),
    ]),
  );
}

/**
 * One way to write a made-up character: a little turned, scaled, moved, and every stroke a little different, as people
 * write. Equal arguments give equal drawings on every machine.
 */
export function writtenByCode(seed: number, label: number, index: number): Drawing {
  const hand = randomStream(seed, 'hand', label, index);
  const around = (spread: number) => spread * (2 * hand.uniform() - 1);
  const [turn, scale, right, down] = [around(0.2), 1 + around(0.12), around(0.05), around(0.05)];
  const [cos, sin] = [scale * Math.cos(turn), scale * Math.sin(turn)];
  const place = ([x, y]: Point): Point => [
    within(0.5 + cos * (x - 0.5) - sin * (y - 0.5) + right),
    within(0.5 + sin * (x - 0.5) + cos * (y - 0.5) + down),
  ];
  return character(seed, label).map((controls) => curve(shaken(controls, hand).map(place)));
}

const within = (value: number) => Math.min(0.94, Math.max(0.06, value));

function shaken(controls: readonly Point[], hand: RandomStream): Point[] {
  return controls.map(([x, y]) => [x + 0.03 * hand.normal(), y + 0.03 * hand.normal()]);
}

/** Points on the Bézier curve of these control points (de Casteljau). */
function curve(controls: readonly Point[]): Stroke {
  const points = 16;
  return Array.from({ length: points + 1 }, (_, i) => {
    let level: readonly Point[] = controls;
    while (level.length > 1) {
      level = level.slice(1).map(([x, y], k): Point => {
        const [fromX, fromY] = level[k]!;
        return [fromX + ((x - fromX) * i) / points, fromY + ((y - fromY) * i) / points];
      });
    }
    return level[0]!;
  });
}
