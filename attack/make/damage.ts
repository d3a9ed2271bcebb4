import type { RandomStream } from '@graft-ml/core/internal/base/random';

/** Bytes that mean something to many formats: lengths, signs, brackets. */
const telling = [0x00, 0x01, 0x7f, 0x80, 0xff, 0x22, 0x5b, 0x7b, 0x2c, 0x0a, 0x1b];

/** A copy of `bytes` that one to eight accidents happened to: flips, runs, cuts, repeats, swaps. */
export function damaged(bytes: Uint8Array, stream: RandomStream): Buffer {
  let copy = Buffer.from(bytes);
  for (let accident = stream.integer(8); accident >= 0; accident--) {
    if (copy.length === 0) return copy;
    // Half of them in the first kilobyte, where headers are.
    const place = () => stream.integer(stream.uniform() < 0.5 ? Math.min(copy.length, 1024) : copy.length);
    const at = place();
    const kind = stream.integer(7);
    if (kind === 0) copy[at] = copy[at]! ^ (1 << stream.integer(8));
    else if (kind === 1) copy[at] = telling[stream.integer(telling.length)]!;
    else if (kind === 2)
      copy.fill(telling[stream.integer(telling.length)]!, at, Math.min(copy.length, at + 1 + stream.integer(16)));
    else if (kind === 3) copy = copy.subarray(0, at);
    else if (kind === 4) copy = Buffer.concat([copy.subarray(0, at), copy.subarray(at + 1 + stream.integer(64))]);
    else if (kind === 5)
      copy = Buffer.concat([copy.subarray(0, at), copy.subarray(Math.max(0, at - 1 - stream.integer(64)))]);
    else copy.copyWithin(at, place(), place());
  }
  return copy;
}

export function pick<T>(stream: RandomStream, items: readonly T[]): T {
  return items[stream.integer(items.length)]!;
}

/** Names and texts that a terminal would obey, or that are hard to bear. */
export const nastyTexts: readonly string[] = [
  '\u001b]0;owned\u0007title',
  '\u001b[2J\u001b[1;1Hcleared',
  'a\nb\r\ncarriage\rreturn',
  '\u009b31mC1',
  '\u202egnp.exe',
  'x'.repeat(200),
  '-rf',
  '$(touch pwned)',
  '__proto__',
  'constructor',
  '%s%n%d',
  '\u0000zero',
  '\ud800lone',
  'é\u0301\u0301\u0301\u0301',
  '',
];
