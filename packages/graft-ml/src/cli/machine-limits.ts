import { readFile } from 'node:fs/promises';
import { write } from './output.ts';

/** Addresses that Node, its threads and ONNX Runtime reserve, though they use a tenth of it. In bytes. */
const wanted = 4 * 2 ** 30;

/**
 * Says so where the process may not reserve as many addresses as it wants (`ulimit -v`): V8 then ends it in the middle,
 * with a stack trace or without a word, which nothing here could catch. Linux tells the limit.
 */
export async function noteNarrowSpace(): Promise<void> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const limit = Number(/^Max address space\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  if (limit >= wanted) return;
  write(
    'stderr',
    `graft: the address space of this process is limited to ${Math.round(limit / 2 ** 20)} MiB (ulimit -v); Node ` +
      `and ONNX Runtime reserve up to ${wanted / 2 ** 20} MiB, though they use far less. If it crashes, raise that ` +
      'limit, or limit memory itself instead (a container, systemd-run -p MemoryMax=2G).\n',
  );
}
