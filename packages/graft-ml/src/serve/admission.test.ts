import { expect, test } from 'vitest';
import { createAdmission } from './admission.ts';

const { signal } = new AbortController();

/** Work that ends when it is told to. */
function job(name: string, started: string[]) {
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const work = () => {
    started.push(name);
    return ended;
  };
  return { work, end: () => end() };
}

test('clients take turns, however many requests of one wait', async () => {
  const admission = createAdmission({ concurrency: 1, queue: 10, bytes: 1 });
  const started: string[] = [];
  const jobs = ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1'].map((name) => ({ name, ...job(name, started) }));
  const all = jobs.map(({ name, work }) => admission.within(name[0]!, signal, work));
  expect([admission.active, admission.waiting]).toEqual([1, 6]);
  for (const { end } of jobs) end();
  await Promise.all(all);
  expect(started).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4']);
  expect([admission.active, admission.waiting]).toEqual([0, 0]);
});

test('where too many wait, those of the client with the most are turned away', async () => {
  const admission = createAdmission({ concurrency: 1, queue: 3, bytes: 1 });
  const started: string[] = [];
  const first = job('a1', started);
  const running = admission.within('a', signal, first.work);
  const of = (client: string) => admission.within(client, signal, async () => void started.push(client));
  const waiting = [of('a'), of('a'), of('a')];
  await expect(of('a')).rejects.toMatchObject({ code: 'busy' });
  const other = of('b');
  await expect(waiting[2]).rejects.toMatchObject({ code: 'busy' });
  first.end();
  await Promise.all([running, waiting[0], waiting[1], other]);
  expect(started).toEqual(['a1', 'a', 'b', 'a']);
});

test('who does not wait any longer has no place', async () => {
  const admission = createAdmission({ concurrency: 1, queue: 1, bytes: 100 });
  const first = job('a', []);
  const running = admission.within('a', signal, first.work);
  const controller = new AbortController();
  const waiting = admission.within('a', controller.signal, async () => {});
  controller.abort(new Error('gone'));
  await expect(waiting).rejects.toThrow('gone');
  expect(admission.waiting).toBe(0);
  first.end();
  await running;
  expect(admission.active).toBe(0);
});

test('bytes are held up to the most', () => {
  const admission = createAdmission({ concurrency: 1, queue: 1, bytes: 100 });
  admission.hold(60);
  expect(() => admission.hold(41)).toThrow(expect.objectContaining({ code: 'busy' }));
  admission.release(30);
  admission.hold(70);
  expect(admission.held).toBe(100);
});
