import { expect, test } from 'vitest';
import { crc32c, maskedCrc32c } from './crc32c.ts';

test.each([
  ['no bytes', [], 0],
  ['"123456789"', [...Buffer.from('123456789')], 0xe3069283],
  ['32 zeros', Array.from({ length: 32 }, () => 0), 0x8a9136aa],
  ['32 ones', Array.from({ length: 32 }, () => 0xff), 0x62a8ab43],
  ['0 to 31', Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
  ['31 to 0', Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
])('of %s, as RFC 3720 has it', (_, bytes, sum) => {
  expect(crc32c(Uint8Array.from(bytes))).toBe(sum);
});

test('masked, it is turned by 15 bits and shifted', () => {
  expect(maskedCrc32c(new Uint8Array(0))).toBe(0xa282ead8);
  const turned = (0xe3069283n >> 15n) | ((0xe3069283n << 17n) & 0xffffffffn);
  expect(maskedCrc32c(Buffer.from('123456789'))).toBe(Number((turned + 0xa282ead8n) & 0xffffffffn));
});
