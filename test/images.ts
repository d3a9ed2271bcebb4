import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomStream } from '@graft-ml/core/internal/base/random';
import sharp from 'sharp';
import { afterAll } from 'vitest';

/** A folder that is gone when the test file is done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'graft-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * Timings of this test file go nowhere else, and none from elsewhere are used. Also for the processes that it starts.
 */
export function ownCache(): void {
  process.env.GRAFT_CACHE = join(temporaryFolder(), 'cache');
}

type Inside = (dx: number, dy: number, radius: number) => boolean;

/** What a class looks like: a shape, given by distances from its centre, and a colour. */
const looks = {
  disc: { colour: [210, 60, 50], inside: (dx, dy, r) => dx * dx + dy * dy <= r * r },
  square: { colour: [60, 190, 70], inside: (dx, dy, r) => Math.max(Math.abs(dx), Math.abs(dy)) <= 0.85 * r },
  cross: { colour: [60, 80, 220], inside: (dx, dy, r) => Math.min(Math.abs(dx), Math.abs(dy)) <= r / 3 },
  ring: { colour: [220, 200, 60], inside: (dx, dy, r) => Math.abs(Math.hypot(dx, dy) - r) <= r / 4 },
  bar: { colour: [180, 70, 200], inside: (dx, dy, r) => Math.abs(dy) <= r / 2 && Math.abs(dx) <= 2 * r },
} as const satisfies Record<string, { colour: readonly number[]; inside: Inside }>;

export type Look = keyof typeof looks;

/** RGB bytes of one image: a shape of its class somewhere on a noisy ground. Equal arguments give equal bytes. */
function draw(look: Look, index: number, side: number): Uint8Array {
  const stream = randomStream(0, 'shape', look, index);
  const [cx, cy] = [side * (0.35 + 0.3 * stream.uniform()), side * (0.35 + 0.3 * stream.uniform())];
  const radius = side * (0.2 + 0.15 * stream.uniform());
  const { colour, inside } = looks[look];
  return Uint8Array.from({ length: 3 * side * side }, (_, i) => {
    const [x, y, channel] = [Math.floor(i / 3) % side, Math.floor(i / 3 / side), i % 3];
    const value = inside(x - cx, y - cy, radius) ? colour[channel]! : 120;
    return Math.min(255, Math.max(0, value + 40 * (stream.uniform() - 0.5)));
  });
}

export interface ImagesOptions {
  readonly classes?: readonly Look[];
  readonly perClass?: number;
  /** Pixels. */
  readonly side?: number;
  /** The first image's number: other numbers, other images. */
  readonly first?: number;
}

/** Writes `root/<class>/<number>.png` and returns `root`. */
export async function drawImages(root: string, options: ImagesOptions = {}): Promise<string> {
  const { classes = ['cross', 'disc', 'square'], perClass = 24, side = 32, first = 0 } = options;
  for (const look of classes) {
    mkdirSync(join(root, look), { recursive: true });
    for (let i = first; i < first + perClass; i++) {
      const raw = { width: side, height: side, channels: 3 } as const;
      await sharp(draw(look, i, side), { raw })
        .png()
        .toFile(join(root, look, `${String(i).padStart(3, '0')}.png`));
    }
  }
  return root;
}
