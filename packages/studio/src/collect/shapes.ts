import { type RandomStream, randomStream } from '@graft-ml/core/internal/base/random';

/** The side of a drawn image, in pixels. */
const side = 128;

type Corners = readonly (readonly [x: number, y: number])[];

/** A regular polygon or, with an inner radius, a star, in a circle of radius 1. */
function corners(count: number, inner?: number): Corners {
  const all = inner === undefined ? count : 2 * count;
  return Array.from({ length: all }, (_, i) => {
    const [angle, radius] = [(2 * Math.PI * i) / all - Math.PI / 2, inner !== undefined && i % 2 === 1 ? inner : 1];
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
}

const arm = 0.3;
// biome-ignore format: corners, from the top left of each arm
const cross: Corners = [
  [-arm, -1], [arm, -1], [arm, -arm], [1, -arm], [1, arm], [arm, arm],
  [arm, 1], [-arm, 1], [-arm, arm], [-1, arm], [-1, -arm], [-arm, -arm],
];

/** The shapes that can be drawn; null is a circle. */
const shapes: Readonly<Record<string, Corners | null>> = {
  circle: null,
  square: corners(4),
  triangle: corners(3),
  star: corners(5, 0.42),
  cross,
  hexagon: corners(6),
};

export const shapeNames: readonly string[] = Object.keys(shapes);

/**
 * Draws a shape: filled or in outline, of any colour on any ground, turned, large or small, somewhere in the image. The
 * same number gives the same image.
 */
export function drawShape(name: string, number: number): Promise<Blob> {
  const stream = randomStream(0, 'studio shape', name, number);
  const canvas = new OffscreenCanvas(side, side);
  const context = canvas.getContext('2d')!;
  const hue = 360 * stream.uniform();
  const isDark = stream.uniform() < 0.4;
  context.fillStyle = `hsl(${hue + 90 + 180 * stream.uniform()} 25% ${isDark ? 18 : 90}%)`;
  context.fillRect(0, 0, side, side);
  const ink = `hsl(${hue} 60% ${isDark ? 65 : 40}%)`;
  const radius = side * (0.18 + 0.2 * stream.uniform());
  const place = () => radius + 4 + (side - 2 * radius - 8) * stream.uniform();
  context.translate(place(), place());
  context.rotate(2 * Math.PI * stream.uniform());
  context.scale(radius, radius);
  trace(context, shapes[name] ?? null);
  paint(context, ink, stream, radius);
  return canvas.convertToBlob({ type: 'image/png' });
}

function trace(context: OffscreenCanvasRenderingContext2D, outline: Corners | null): void {
  context.beginPath();
  if (outline === null) context.arc(0, 0, 1, 0, 2 * Math.PI);
  for (const [x, y] of outline ?? []) context.lineTo(x, y);
  context.closePath();
}

function paint(context: OffscreenCanvasRenderingContext2D, ink: string, stream: RandomStream, radius: number): void {
  if (stream.uniform() < 0.6) {
    context.fillStyle = ink;
    context.fill();
    return;
  }
  context.strokeStyle = ink;
  context.lineJoin = 'round';
  context.lineWidth = (3 + 4 * stream.uniform()) / radius;
  context.stroke();
}
