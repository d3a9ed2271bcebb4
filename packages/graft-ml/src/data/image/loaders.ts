import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import sharp from 'sharp';

/** The loaders of libvips for the formats that are read. None reads files, addresses or scripts. */
const loaders = ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Heif', 'Tiff'].map((format) => `VipsForeignLoad${format}`);

/** Threads that are started from now on know that it was done. */
const done = 'graft: loaders are restricted';

/**
 * Blocks all other loaders of libvips, which chooses one by the content: SVG's takes any file with `<svg` in its first
 * kilobyte. They are blocked for the whole process, also for an application that uses sharp beside Graft; so this waits
 * until images are about to be decoded.
 *
 * Once in a process: for a moment all loaders are blocked, and what another thread decodes then would fail. So whoever
 * starts threads that decode calls it first.
 */
export function restrictLoaders(): void {
  if (getEnvironmentData(done)) return;
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: [...loaders] });
  setEnvironmentData(done, true);
}
