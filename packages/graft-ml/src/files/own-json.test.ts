import { formatOwnJson, parseOwnJson } from '@graft-ml/core/internal/base/own-json';
import fc from 'fast-check';
import { expect, test } from 'vitest';

const bytes = (text: string) => new TextEncoder().encode(text);
const objects = fc.dictionary(
  fc.string().filter((key) => key !== 'checksum' && key !== '__proto__'),
  fc.jsonValue({ maxDepth: 4 }),
);

test('what is written is read as a reader of JSON sees it, in whatever order and layout', () => {
  fc.assert(
    fc.property(objects, (value) => {
      const text = formatOwnJson(value);
      const content: object = JSON.parse(JSON.stringify(value));
      expect(parseOwnJson(bytes(text), 'x.json')).toEqual(content);
      const reordered = Object.fromEntries(Object.entries(JSON.parse(text)).reverse());
      expect(parseOwnJson(bytes(JSON.stringify(reordered)), 'x.json')).toEqual(content);
    }),
    { seed: 12, numRuns: 200 },
  );
});

test('any other value is refused, or the line of the checksum is gone', () => {
  fc.assert(
    fc.property(objects, fc.nat(), fc.nat(7), (value, place, bit) => {
      const written = bytes(formatOwnJson(value));
      const damaged = Uint8Array.from(written);
      damaged[place % damaged.length]! ^= 1 << bit;
      let read: object;
      try {
        read = parseOwnJson(damaged, 'x.json');
      } catch (error) {
        expect((error as Error).message).toMatch(/^x\.json is damaged: /);
        return;
      }
      const { checksum: _, ...rest }: { checksum?: unknown } = JSON.parse(new TextDecoder().decode(damaged));
      const isName = !new TextDecoder().decode(damaged).includes('"checksum"');
      expect(isName ? rest : read).toEqual(isName ? read : parseOwnJson(written, 'x.json'));
    }),
    { seed: 12, numRuns: 400 },
  );
});

test('a file without a checksum is read; one that is too deep, or no object, is not', () => {
  expect(parseOwnJson(bytes('{"graft":"0.1.0"}'), 'x.json')).toEqual({ graft: '0.1.0' });
  for (const text of [`{"a":${'['.repeat(20)}${']'.repeat(20)}}`, '[]', '3', '', '{"a":1,"a":2}']) {
    expect(() => parseOwnJson(bytes(text), 'x.json')).toThrow('x.json is damaged: it ');
  }
});
