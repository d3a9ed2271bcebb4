import type { Colour } from '../image/index.ts';

/**
 * matplotlib's `inferno` (Smith & van der Walt 2015, CC0) at every 32nd of [0, 1], from black through purple and orange
 * to light yellow; linear between them, which is true to 1.5 of 255. Equal steps look equal, and as it grows lighter all
 * the way, it is read alike with any colour vision, and in grey.
 */
const inferno = (
  '000004 040312 0b0724 150b37 210c4a 2e0a5a 3c0965 4a0c6b 57106d 63146e 70196e 7d1e6d 89226a 962766 a32b61 af315c bb3755 ' +
  'c63e4d d14644 db4f3b e35932 eb6528 f1711e f67f14 f98d0a fb9c06 fcab0f fbba1f f9ca32 f5d949 f2e865 f3f586 fcffa4'
)
  .split(' ')
  .map((colour) => Number.parseInt(colour, 16));

/** The colour of a value in [0, 1]; one beyond has that of the nearer end. */
export function colourOf(value: number): Colour {
  const place = Math.max(0, Math.min(1, value)) * (inferno.length - 1);
  const first = Math.min(Math.floor(place), inferno.length - 2);
  const share = place - first;
  const channel = (shift: number) => {
    const [below, above] = [(inferno[first]! >> shift) & 255, (inferno[first + 1]! >> shift) & 255];
    return Math.round(below + share * (above - below));
  };
  return [channel(16), channel(8), channel(0)];
}
