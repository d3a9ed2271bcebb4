import { describe, expect, test } from 'vitest';
import { readMatlabArrays } from './matlab.ts';

/** What SciPy 1.11.4 `savemat` writes behind the header: trnid u16, id u8, labels f64, and a text. */
const written = {
  plain:
    'DgAAAEgAAAAGAAAACAAAAAsAAAAAAAAABQAAAAgAAAABAAAABQAAAAEAAAAFAAAAdHJuaWQAAAAEAAAACgAAAAMAAQACAPQB//8AAAAAAAAOAAAAMAAAAAYAAAAIAAAA' +
    'CQAAAAAAAAAFAAAACAAAAAEAAAABAAAAAQACAGlkAAACAAEABwAAAA4AAABQAAAABgAAAAgAAAAGAAAAAAAAAAUAAAAIAAAAAQAAAAMAAAABAAAABgAAAGxhYmVscwAA' +
    'CQAAABgAAAAAAAAAAADwPwAAAAAAgFlAAAAAAABAU0AOAAAAOAAAAAYAAAAIAAAABAAAAAAAAAAFAAAACAAAAAEAAAAFAAAAAQAEAHRleHQQAAAABQAAAGhlbGxvAAAA',
  compressed:
    'DwAAADUAAAB4nONjYGDwAGI2IOYAYm4GCGCF8hmhbBhdUpSXmQKkWYCYC4iZgTJMDF8Y//+H6AMAf0cFsQ8AAAAnAAAAeJzjY2BgMABiNiDmAGJOBghghfIZ4ZiJITOF' +
    'AUgyMrAD+QAcMgE/DwAAADgAAAB4nONjYGAIAGI2IOaA0iDACuUzAjEzlAbJ5SQmpeYUMzBwAtkSDDDwwR5MNUQ6gGmHYAcAq+gGOg8AAAAsAAAAeJzjY2BgsABiNiDm' +
    'AGIWBghghfIZoWxGoExJakWJAJSfkZqTkw+kAUXmBF8=',
};

function file(body: Buffer): Buffer {
  const header = Buffer.alloc(128, ' ');
  header.write('\0\x01IM', 124, 'latin1');
  return Buffer.concat([header, body]);
}

describe.each(Object.entries(written))('%s', (_, text) => {
  const body = Buffer.from(text, 'base64');

  test('has its numbers', () => {
    expect([...readMatlabArrays(file(body))]).toEqual([
      ['trnid', [3, 1, 2, 500, 65535]],
      ['id', [7]],
      ['labels', [1, 102, 77]],
    ]);
  });

  test('cut anywhere, or with any byte turned: an error or numbers, at once', () => {
    for (let at = 0; at < body.length; at++) {
      for (const bytes of [body.subarray(0, at), Buffer.from(body).fill(body[at]! ^ 255, at, at + 1)]) {
        try {
          for (const values of readMatlabArrays(file(bytes)).values()) expect(values.length).toBeLessThan(500);
        } catch (error) {
          expect(String(error)).toMatch(/^UserError: The MATLAB file is damaged/);
        }
      }
    }
  });
});
