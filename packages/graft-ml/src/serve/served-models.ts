import { UserError } from '@graft-ml/core/internal/base/errors';
import { type ModelPool, openModelPool, type PoolEvents, type PoolOptions } from './model-pool.ts';
import { ServeError } from './problems.ts';
import { type Snapshot, stateOfFiles, takeSnapshot } from './snapshot.ts';

/** A model by the name that requests call it. */
export interface NamedModel {
  readonly name: string;
  /** The folder of a run, or an ONNX file that `graft export` wrote. */
  readonly path: string;
}

/** A version of a model that requests use, and which stays until the last of them has its answer. */
export interface ModelVersion {
  readonly name: string;
  readonly version: string;
  readonly loadedAt: string;
  readonly pool: ModelPool;
}

export interface ServedModelsOptions extends Omit<PoolOptions, 'path' | keyof PoolEvents> {
  readonly models: readonly NamedModel[];
  readonly events: (name: string) => PoolEvents;
  readonly onReload: (name: string, outcome: { readonly version: string } | { readonly error: string }) => void;
}

/** The models of a server. */
export interface ServedModels {
  readonly names: readonly string[];
  /** The current version. @throws ServeError where there is none of the name */
  current(name: string): ModelVersion;
  /** Uses the current version for as long as the work takes. */
  use<T>(name: string, work: (version: ModelVersion) => Promise<T>): Promise<T>;
  /**
   * Opens what stands at the model's path now, in new processes; then requests go there, and the old ones end when they
   * have answered theirs.
   *
   * @throws UserError (by rejection) where it cannot be opened: then everything stays as it was
   */
  reload(name: string): Promise<ModelVersion>;
  /** Reloads a model when its files have changed and then stayed the same for a while. */
  watch(milliseconds: number): void;
  close(): Promise<void>;
}

/** A version, and how many use it. */
interface Held extends ModelVersion {
  readonly snapshot: Snapshot;
  users: number;
  isRetired: boolean;
}

/** @throws UserError (by rejection) where a model cannot be opened */
export async function openServedModels(options: ServedModelsOptions): Promise<ServedModels> {
  const { models, events, onReload, ...pooled } = options;
  const held = new Map<string, Held>();
  const all = new Set<Held>();
  const reloads = new Map<string, Promise<ModelVersion>>();
  let watching: NodeJS.Timeout | undefined;

  const open = async ({ name, path }: NamedModel): Promise<Held> => {
    const snapshot = await takeSnapshot(path);
    try {
      const pool = await openModelPool({ ...pooled, ...events(name), path: snapshot.path });
      const { version } = snapshot;
      const opened = { name, version, loadedAt: new Date().toISOString(), pool, snapshot, users: 0, isRetired: false };
      all.add(opened);
      return opened;
    } catch (error) {
      await snapshot.remove();
      if (!(error instanceof UserError)) throw error;
      throw new UserError(error.message.replaceAll(snapshot.path, path), { cause: error });
    }
  };
  const end = async (one: Held) => {
    if (!all.delete(one)) return;
    one.pool.close();
    await one.snapshot.remove();
  };
  const current = (name: string): Held => {
    const found = held.get(name);
    if (!found) throw new ServeError('no-model', `There is no model ${JSON.stringify(name)} here.`);
    return found;
  };
  const exchange = async (name: string): Promise<Held> => {
    const old = current(name);
    const model = models.find((each) => each.name === name)!;
    try {
      const renewed = await open(model);
      held.set(name, renewed);
      old.isRetired = true;
      if (old.users === 0) await end(old);
      onReload(name, { version: renewed.version });
      return renewed;
    } catch (error) {
      onReload(name, { error: error instanceof Error ? error.message : String(error) });
      throw error;
    }
  };
  const close = async () => {
    clearInterval(watching);
    await Promise.allSettled(reloads.values());
    await Promise.all([...all].map(end));
  };
  /** One at a time for each model; who asks meanwhile is told of the same one. */
  const reload = (name: string): Promise<ModelVersion> => {
    const running = reloads.get(name);
    if (running) return running;
    const started = exchange(name).finally(() => reloads.delete(name));
    reloads.set(name, started);
    return started;
  };

  try {
    for (const model of models) held.set(model.name, await open(model));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    names: models.map(({ name }) => name),
    current,
    async use(name, work) {
      const one = current(name);
      one.users++;
      try {
        return await work(one);
      } finally {
        one.users--;
        if (one.isRetired && one.users === 0) await end(one);
      }
    },
    reload,
    watch(milliseconds) {
      watching ??= watchFiles(models, milliseconds, (name) => void reload(name).catch(() => {}));
    },
    close,
  };
}

/** Looks at the files every so often: events of file systems get lost over networks, and come before all is written. */
function watchFiles(models: readonly NamedModel[], milliseconds: number, changed: (name: string) => void) {
  const seen = new Map<string, { loaded: string | null; last: string | null }>();
  const look = async () => {
    for (const { name, path } of models) {
      const now = await stateOfFiles(path);
      const known = seen.get(name);
      if (!known) seen.set(name, { loaded: now, last: now });
      else if (now !== null && now === known.last && now !== known.loaded) {
        known.loaded = now;
        changed(name);
      } else known.last = now;
    }
  };
  void look();
  return setInterval(() => void look(), milliseconds).unref();
}
