import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/*
 * The inputs of models pass from the processes that decode to those that compute through a file that all of them have
 * open: in memory where the system has such files. Through pipes, each would be copied in and out of the server, whose
 * garbage collection then took more time than HTTP.
 */

/** The file descriptor of the file in every process that is started, after that of its pipe. */
export const sharedDescriptor = 5;

/** A place in the file. */
export interface PixelSlot {
  readonly offset: number;
  /** In bytes. */
  readonly length: number;
}

/** The file, in the server. */
export interface SharedPixels {
  readonly descriptor: number;
  /** A free place, which the caller gives back when no process reads or writes it any more. */
  take(length: number): PixelSlot;
  give(slot: PixelSlot): void;
  write(slot: PixelSlot, pixels: Uint8Array): void;
  close(): void;
}

/** The folder of files in memory on Linux. */
const memoryFolder = '/dev/shm';

export function openSharedPixels(): SharedPixels {
  const folder = mkdtempSync(join(existsSync(memoryFolder) ? memoryFolder : tmpdir(), 'graft-serve-'));
  const file = join(folder, 'pixels');
  const descriptor = openSync(file, 'wx+', 0o600);
  // Without a name it is gone with the last process that has it open, however that ends.
  if (process.platform !== 'win32') {
    unlinkSync(file);
    rmSync(folder, { recursive: true });
  }
  const free = new Map<number, number[]>();
  let end = 0;
  return {
    descriptor,
    take(length) {
      const offset = free.get(length)?.pop() ?? end;
      if (offset === end) end += length;
      return { offset, length };
    },
    give({ offset, length }) {
      const others = free.get(length);
      if (others) others.push(offset);
      else free.set(length, [offset]);
    },
    write: ({ offset }, pixels) => writePixels(descriptor, offset, pixels),
    close() {
      closeSync(descriptor);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Writes pixels into a place of the file. */
export function writePixels(descriptor: number, offset: number, pixels: Uint8Array): void {
  for (let done = 0; done < pixels.length; ) {
    done += writeSync(descriptor, pixels, done, pixels.length - done, offset + done);
  }
}

/** Reads a place of the file, in a process that was started. */
export function readPixels(offset: number, into: Uint8Array): void {
  if (readSync(sharedDescriptor, into, 0, into.length, offset) !== into.length) throw new Error('pixels are missing');
}
