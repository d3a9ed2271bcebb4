import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { assertNewRun, RunFolder } from '@graft-ml/core/internal/runs/run-folder';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { runFolder, smallRun } from '../../../../test/runs.ts';
import { collect } from '../../../../test/training.ts';
import { resumeTraining, trainFolder } from '../transfer/train-folder.ts';
import { nodeHost } from './host.ts';
import { readRun } from './read-run.ts';
import { openRunStore } from './run-store.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const interrupted = join(root, 'interrupted');
let count = 0;

beforeAll(async () => {
  await drawImages(shapes, { perClass: 6 });
  await runFolder(shapes, interrupted, { stopAfter: 1 });
});

/** A copy of the interrupted run, in which some files are replaced, or removed where they are null. */
function damaged(files: Readonly<Record<string, string | Buffer | null>>): string {
  const out = join(root, `damaged${count++}`);
  mkdirSync(out);
  for (const name of readdirSync(interrupted)) {
    const content = name in files ? files[name] : readFileSync(join(interrupted, name));
    if (content != null) writeFileSync(join(out, name), content);
  }
  return out;
}

/** What is said to the person who resumes. */
async function refusal(out: string): Promise<string> {
  const error = await collect(resumeTraining(out)).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}

describe('resuming refuses', () => {
  test('a folder that is no run, or not there', async () => {
    expect(await refusal(shapes)).toContain(`${shapes} is not a run: it has no run.json.`);
    expect(await refusal(join(root, 'nowhere'))).toContain('is not a run: it has no run.json.');
    expect(await refusal(join(interrupted, 'run.json'))).toContain('is not a run');
  });

  test('a run.json that is damaged, by the field', async () => {
    const text = readFileSync(join(interrupted, 'run.json'), 'utf8');
    const cut = damaged({ 'run.json': text.slice(0, 200) });
    expect(await refusal(cut)).toContain(`${join(cut, 'run.json')} is damaged`);
    const edited = text.replace('"conv4"', '"conv44"');
    expect(await refusal(damaged({ 'run.json': edited }))).toContain(
      'run.json is damaged: its checksum is that of other values. If you have edited it, remove its line "checksum".',
    );
    const withoutChecksum = (json: string) => json.replace(/,\s*"checksum": .*/, '');
    expect(await refusal(damaged({ 'run.json': withoutChecksum(edited) }))).toContain('Did you mean "conv4"?');
    const many = text.replace(/"epochs": \d+/, '"epochs": "many"');
    expect(await refusal(damaged({ 'run.json': withoutChecksum(many) }))).toMatch(/is damaged: [^\n]*epochs[^\n]*\.$/);
  });

  test('a checkpoint that is missing, cut, or not one of a run', async () => {
    const missing = damaged({ 'last.safetensors': null });
    expect(await refusal(missing)).toContain(
      `\`trainFolder(folder, run.config, { out: ${JSON.stringify(missing)}, overwrite: true })\` starts it anew.`,
    );
    const bytes = readFileSync(join(interrupted, 'last.safetensors'));
    const cut = damaged({ 'last.safetensors': bytes.subarray(0, bytes.length - 1000) });
    expect(await refusal(cut)).toContain(join(cut, 'last.safetensors'));
    expect(await refusal(damaged({ 'last.safetensors': '' }))).toContain('last.safetensors');
    const header = bytes.indexOf('"phase"');
    const other = Buffer.from(bytes);
    other.write('"phasf"', header, 'latin1');
    expect(await refusal(damaged({ 'last.safetensors': other }))).toContain('its content is not what was written');
  });

  test('a folder of images that has changed', async () => {
    const own = await drawImages(join(root, 'own'), { perClass: 6 });
    const out = join(root, 'changed');
    await runFolder(own, out, { stopAfter: 1 });
    await drawImages(own, { perClass: 1, first: 90, classes: ['disc'] });
    const before = readFileSync(join(out, 'run.json'), 'utf8');
    expect(await refusal(out)).toBe(
      `${own} has changed since ${out} was started; the run cannot go on. Start a new one.`,
    );
    expect(readFileSync(join(out, 'run.json'), 'utf8')).toBe(before);
  });
});

test('a run that was killed knows its best epoch again from the checkpoint', async () => {
  const out = damaged({});
  const best = { loss: 0.5, accuracy: 0.75, epoch: 1 };
  const parts = { description: {}, initial: {}, onnx: null, host: nodeHost() };
  const folder = new RunFolder(out, { ...(await readRun(out)), best: null, status: 'running' }, parts);
  await folder.reopen({ epoch: 2, step: 0, lossSum: 0, losses: [], correctSum: 0, best });
  expect(await readRun(out)).toMatchObject({ best, status: 'running' });
});

describe('a new run refuses', () => {
  const start = (out: string, overwrite = false) => collect(trainFolder(shapes, smallRun, { out, overwrite }));

  test('a folder with a run, unless it is to be replaced; then nothing of the old one is left', async () => {
    await expect(start(interrupted)).rejects.toThrow(
      `${interrupted} already holds a run. \`resumeTraining(${JSON.stringify(interrupted)})\` goes on with it; pass \`overwrite: true\` to replace it`,
    );
    const old = damaged({});
    writeFileSync(join(old, 'metrics.jsonl'), '{"epoch":77}\n');
    writeFileSync(join(old, 'notes.txt'), 'not ours');
    await start(old, true);
    expect(readFileSync(join(old, 'metrics.jsonl'), 'utf8')).not.toContain('"epoch":77');
    expect(readFileSync(join(old, 'notes.txt'), 'utf8')).toBe('not ours');
    expect((await readRun(old)).status).toBe('done');
  });

  test('a folder of other things, unless told to; one that a killed run left, or git, is as good as empty', async () => {
    const full = join(root, 'full');
    mkdirSync(full);
    writeFileSync(join(full, '.gitkeep'), '');
    writeFileSync(join(full, 'run.json.0f8fad5b-d9cb-469f-a165-70867728950e.tmp'), '{"graft');
    await assertNewRun(openRunStore(full), { overwrite: false });
    writeFileSync(join(full, 'thesis.tex'), '');
    await expect(start(full)).rejects.toThrow(
      `${full} is not empty, and holds no run: there is thesis.tex. Choose a new folder as \`out\`, or pass \`overwrite\``,
    );
    await assertNewRun(openRunStore(full), { overwrite: true });
    expect(readdirSync(full)).toHaveLength(3);
  });

  test('a file, a path below a file, and a folder without permission, before it looks at any image', async () => {
    const file = join(root, 'file');
    writeFileSync(file, '');
    await expect(start(file)).rejects.toThrow(`A run is a folder, and ${file} is a file.`);
    await expect(start(join(file, 'below', 'it'))).rejects.toThrow(`${file} is a file.`);
    // /proc says that it can be written, and then takes nothing.
    if (existsSync('/proc/self')) await expect(start('/proc/x/y')).rejects.toThrow('Cannot write /proc/x/y: ENOENT');
    if (process.getuid?.() === 0) return; // to whom nothing is forbidden
    const locked = join(root, 'locked');
    mkdirSync(locked, { mode: 0o555 });
    await expect(start(join(locked, 'run'))).rejects.toThrow(`Cannot write ${join(locked, 'run')}: EACCES`);
    chmodSync(locked, 0o755);
  });
});
