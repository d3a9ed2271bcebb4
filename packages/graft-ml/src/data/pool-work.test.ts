import { expect, it } from 'vitest';
import { atWork, poolWork, stopWork } from './pool-work.ts';

it('waits for what is under way and lets nothing more begin', async () => {
  const work = poolWork();
  const happened: string[] = [];
  let finish = (_value: string) => {};
  const underWay = atWork(work, () => new Promise<string>((resolve) => (finish = resolve)));
  const failing = atWork(work, () => Promise.reject(new Error('no image')));
  const stop = stopWork(work).then(() => happened.push('stopped'));
  await expect(failing).rejects.toThrow('no image');
  await expect(atWork(work, async () => happened.push('begun'))).rejects.toThrow('closed');
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(happened).toEqual([]);
  finish('done');
  expect(await underWay).toBe('done');
  await stop;
  expect(happened).toEqual(['stopped']);
});

it('stops at once where nothing is under way, and again', async () => {
  const work = poolWork();
  expect(await atWork(work, async () => 5)).toBe(5);
  await stopWork(work);
  await stopWork(work);
  await expect(atWork(work, async () => 5)).rejects.toThrow('closed');
});
