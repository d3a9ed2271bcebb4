import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { formatOwnJson, parseOwnJson } from '@graft-ml/core/internal/base/own-json';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { anyName, mutantOf, seeded } from '../../../../test/arbitrary.ts';
import { tarOf, zipOf } from '../../../../test/archives.ts';
import { tarMembers } from './archives/tar.ts';
import { zipMembers } from './archives/zip.ts';
import { readWithin } from './within.ts';

const folder = mkdtempSync(join(tmpdir(), 'graft-property-'));
afterAll(() => rmSync(folder, { recursive: true }));

const anyFiles = fc.uniqueArray(
  fc.record({
    name: fc.stringMatching(/^[a-zé][a-z0-9 _-]{0,20}(\/[a-z0-9]{1,10}){0,3}\.png$/),
    bytes: fc.uint8Array({ maxLength: 600 }),
    deflate: fc.boolean(),
  }),
  { maxLength: 8, selector: ({ name }) => name },
);

const kinds = {
  zip: {
    write: (files: Parameters<typeof zipOf>[0]) => zipOf(files.map((file) => ({ ...file, flags: 0x800 }))),
    read: zipMembers,
  },
  tar: { write: tarOf, read: tarMembers },
};

describe.each(Object.entries(kinds))('a %s archive', (kind, { write, read }) => {
  const path = join(folder, `x.${kind}`);

  it('has the files that were put in, with their bytes', () =>
    fc.assert(
      fc.asyncProperty(anyFiles, async (files) => {
        writeFileSync(path, write(files));
        const members = await read(path);
        expect(members.map(({ name }) => name)).toEqual(files.map(({ name }) => name));
        for (const [i, { within }] of members.entries()) {
          expect(Buffer.compare(readWithin(within!), files[i]!.bytes)).toBe(0);
        }
      }),
      seeded(60),
    ));

  it('that is damaged is listed or refused, and so is what lies in it', () => {
    const whole = write([0, 1, 2].map((i) => ({ name: `a/${i}.png`, bytes: Buffer.alloc(300, i), deflate: i === 1 })));
    return fc.assert(
      fc.asyncProperty(mutantOf(whole), async (mutant) => {
        writeFileSync(path, mutant);
        try {
          for (const { within } of await read(path)) if (within) readWithin(within);
        } catch (error) {
          // What `readWithin` throws is a problem of that image, in words; a slip of ours would be another kind of
          // error.
          expect(error).toBeInstanceOf(Error);
          expect(error).not.toBeInstanceOf(TypeError);
          expect(error).not.toBeInstanceOf(RangeError);
        }
      }),
      seeded(300),
    );
  });
});

describe('JSON of our own', () => {
  const anyRecord = fc
    .dictionary(
      anyName().filter((key) => key !== 'checksum'),
      fc.jsonValue({ maxDepth: 4 }),
      { maxKeys: 6 },
    )
    .map((value): object => JSON.parse(JSON.stringify(value)));

  it('is read back as it was written', () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        expect(parseOwnJson(Buffer.from(formatOwnJson(record)), 'run.json')).toEqual(record);
      }),
      seeded(200),
    );
  });

  it('shows that a value was changed', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer(), (was, is) => {
        const text = formatOwnJson({ epochs: was, classes: ['a'] });
        const changed = text.replace(`"epochs": ${was}`, `"epochs": ${is}`);
        const read = () => parseOwnJson(Buffer.from(changed), 'run.json');
        if (was === is) expect(read()).toEqual({ epochs: was, classes: ['a'] });
        else expect(read).toThrow(UserError);
      }),
      seeded(200),
    );
  });

  it('that is damaged is what was written, or refused', () => {
    const record = { status: 'running', best: { loss: 0.25, epoch: 3 }, classes: ['ant', 'bee'] };
    fc.assert(
      fc.property(mutantOf(Buffer.from(formatOwnJson(record))), (mutant) => {
        let read: object;
        try {
          read = parseOwnJson(mutant, 'run.json');
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
          return;
        }
        // Whoever takes the checksum out may change what they like.
        if ('checksum' in (JSON.parse(mutant.toString()) as object)) expect(read).toEqual(record);
      }),
      seeded(1500),
    );
  });
});
