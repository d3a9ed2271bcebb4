import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lock } from 'proper-lockfile';
import { build } from 'vite';
import { type Outcome, startGraft } from './graft.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const built = join(root, 'packages/graft-ml/studio');
const sources = ['packages/studio', 'packages/core/dist', 'packages/web/dist'].map((folder) => join(root, folder));

/** Builds the studio where it is packed and served from, unless it is there and newer than what it is made of. */
export async function buildStudio(): Promise<void> {
  const release = await lock(join(root, 'packages/studio'), { retries: { retries: 100, maxTimeout: 1000 } });
  try {
    if (existsSync(built) && newest([built]) > newest(sources)) return;
    const next = join(root, 'node_modules/.cache/studio');
    await build({ root: join(root, 'packages/studio'), logLevel: 'error', build: { outDir: next } });
    rmSync(built, { recursive: true, force: true });
    renameSync(next, built);
  } finally {
    await release();
  }
}

/** When a file in these folders was last written, in milliseconds. */
function newest(folders: readonly string[]): number {
  const times = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
      .map(({ parentPath, name }) => statSync(join(parentPath, name)).mtimeMs),
  );
  return Math.max(...times);
}

export interface StartedStudio {
  readonly address: string;
  readonly port: number;
  /** Ends it as Ctrl-C or the system would. */
  end(signal: 'SIGINT' | 'SIGTERM'): Promise<Outcome>;
}

/** Starts `graft studio` on a free port, built where need be. */
export async function startStudio(): Promise<StartedStudio> {
  await buildStudio();
  const { child, done } = startGraft(['studio', '--no-open', '--json', '--port', '0']);
  const said = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      if (text.endsWith('\n}\n')) resolve(text);
    });
    void done.then(({ stderr }) => reject(new Error(stderr)));
  });
  const { address, port } = JSON.parse(said) as { address: string; port: number };
  const end = (signal: 'SIGINT' | 'SIGTERM') => {
    child.kill(signal);
    return done;
  };
  return { address, port, end };
}
