import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { encodeHparams, type HparamsSession, writeHparams } from './hparams.ts';
import { tensorBoard } from './index.ts';

interface Golden {
  /** With times in seconds since 1970. */
  readonly session: Omit<HparamsSession, 'started' | 'ended'> & { readonly started: number; readonly ended: number };
  readonly file: string;
}

// golden/hparams.py
const golden: Golden = JSON.parse(readFileSync(new URL('../../../../../golden/hparams.json', import.meta.url), 'utf8'));
const session: HparamsSession = {
  ...golden.session,
  started: new Date(golden.session.started * 1000),
  ended: new Date(golden.session.ended * 1000),
};
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

test('the options of a trial are written as by TensorBoard', () => {
  expect(hex(encodeHparams(session))).toBe(golden.file);
});

test('an option that a trial has not is left out, and a failed trial says so', () => {
  const { weighted: _, ...parameters } = session.parameters;
  const without = Buffer.from(encodeHparams({ ...session, parameters }));
  const whole = Buffer.from(encodeHparams(session));
  const entry = Buffer.from('\x0a\x0e\x0a\x08weighted\x12\x02\x20\x00', 'binary');
  expect(whole.includes(entry)).toBe(true);
  expect(without.includes(entry)).toBe(false);
  expect(hex(encodeHparams({ ...session, succeeded: false }))).not.toBe(golden.file);
});

test('its file comes after the log of the scalars, which is not taken for it', async () => {
  const files = new Map<string, string | Uint8Array>();
  await writeHparams({ replace: async (name, content) => void files.set(name, content) }, session);
  const [name] = [...files.keys()];
  const scalars = tensorBoard('zebra');
  expect([name!, scalars.name].sort()).toEqual([scalars.name, name]);
  expect(scalars.isLog(name!)).toBe(false);
  expect(scalars.isLog(scalars.name)).toBe(true);
});
