import { UserError } from '@graft-ml/core/internal/base/errors';
import type { OpenRunStore } from '@graft-ml/core/internal/fit/run-store';

/** The files that are asked for, since a server lists none. */
const served = ['run.json', 'best.safetensors'];

/**
 * Runs that a server has in folders, to be read: `run.json` and `best.safetensors` of each, as `graft train` and
 * `graft meta train` write them.
 *
 * @param base the address of the folder that holds them, with a slash at its end
 * @example await adaptMeta('omniglot', images, { out: 'runs/mine', openStart: servedRuns('./starts/') });
 */
export function servedRuns(base: string | URL): OpenRunStore {
  const addressOf = (path: string, name: string) => new URL(`${path}/${name}`, new URL(base, globalThis.location.href));
  return (path) => {
    const refuse = async () => {
      throw new UserError(`${path} is on a server, and cannot be written.`);
    };
    return {
      path,
      async names() {
        const found = await Promise.all(
          served.map((name) =>
            fetch(addressOf(path, name), { method: 'HEAD' }).then(
              ({ ok }) => ok,
              () => false,
            ),
          ),
        );
        return served.filter((_, i) => found[i]);
      },
      async read(name, most = Number.POSITIVE_INFINITY) {
        const address = addressOf(path, name);
        const response = await fetch(address).catch((cause: Error) => {
          throw new UserError(`${address} cannot be fetched: ${cause.message}.`, { cause });
        });
        if (!response.ok) throw new UserError(`${address} cannot be fetched: the server answers ${response.status}.`);
        const content = new Uint8Array(await response.arrayBuffer());
        if (content.length <= most) return content;
        throw new UserError(`${address} has ${content.length} bytes, at most ${most} are read.`);
      },
      inspect: async () => {},
      replace: refuse,
      append: refuse,
      truncate: refuse,
      remove: refuse,
      removeAll: refuse,
      assertWritable: refuse,
      make: refuse,
      lock: refuse,
    };
  };
}
