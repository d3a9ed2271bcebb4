import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { f32 } from '@graft-ml/core/internal/base/tensor';
import { writeSafetensors } from '@graft-ml/core/internal/weights/safetensors';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSafetensorsFile, writeSafetensorsFile } from './safetensors-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-weights-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('safetensors files', () => {
  it('come back as they were written, and leave nothing beside them', async () => {
    const path = join(folder, 'a.safetensors');
    await writeSafetensorsFile(path, { x: f32([1], [1]) });
    await writeSafetensorsFile(path, { y: f32([2], [2, 3]) }, { note: 'second' });
    const { tensors, metadata } = await readSafetensorsFile(path);
    expect({ ...tensors }).toEqual({ y: f32([2], [2, 3]) });
    expect({ ...metadata }).toEqual({ note: 'second' });
    expect(await readdir(folder)).toEqual(['a.safetensors']);
    expect(new Uint8Array(await readFile(path))).toEqual(writeSafetensors({ y: f32([2], [2, 3]) }, { note: 'second' }));
  });

  it('name the path of a file that is not there', async () => {
    const path = join(folder, 'missing.safetensors');
    await expect(readSafetensorsFile(path)).rejects.toThrow(
      new UserError(`Cannot read ${path}: there is no such file.`),
    );
  });

  it('name the path of a file that is not sound', async () => {
    const path = join(folder, 'cut.safetensors');
    await writeFile(path, writeSafetensors({ x: f32([2], [1, 2]) }).subarray(0, -1));
    await expect(readSafetensorsFile(path)).rejects.toThrow(UserError);
    await expect(readSafetensorsFile(path)).rejects.toThrow(
      `${path}: safetensors: "x" lies at bytes 0 to 8 of 7 bytes`,
    );
  });

  it('name the path that cannot be written', async () => {
    const path = join(folder, 'none', 'a.safetensors');
    await expect(writeSafetensorsFile(path, {})).rejects.toThrow(`Cannot write ${path}: its folder does not exist.`);
  });

  it('stay as they were when writing fails', async () => {
    const path = join(folder, 'directory');
    await mkdir(path);
    await expect(writeSafetensorsFile(path, { x: f32([1], [1]) })).rejects.toThrow(UserError);
    expect(await readdir(folder)).toEqual(['directory']);
  });
});
