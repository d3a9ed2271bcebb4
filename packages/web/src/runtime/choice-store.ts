import { type ChoiceStore, type Choices, everyLowering } from '@graft-ml/core/internal/runtime/tuning';

const storeName = 'choices';

/**
 * What was found out about lowerings, in an IndexedDB database, which any number of pages and workers may write at once. A database
 * that cannot be opened, read or written costs only the time to find it out again, so it is never an error.
 *
 * @param identity a key of all that it depends on: device, browser, versions, and how it was found out
 */
export function choiceStore(database: string, identity: () => Promise<string>): ChoiceStore {
  const keyOf = async () => `${await identity()} · ${everyLowering()}`;
  return {
    load: async () => {
      try {
        const key = await keyOf();
        return choicesOf(await transact(database, 'readonly', (store) => store.get(key)));
      } catch {
        return {};
      }
    },
    save: async (choices) => {
      try {
        const key = await keyOf();
        // What other pages have found meanwhile is kept: nobody writes between this reading and this writing.
        await transact(database, 'readwrite', (store) => {
          const before: IDBRequest<unknown> = store.get(key);
          before.onsuccess = () => store.put({ ...choicesOf(before.result), ...choices }, key);
          return before;
        });
      } catch {
        // No room, or a private window: this page goes on with what it measured.
      }
    },
  };
}

/** The value as choices; none where it is anything else. */
function choicesOf(value: unknown): Choices {
  if (typeof value !== 'object' || value === null) return {};
  const entries: [string, unknown][] = Object.entries(value);
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

/** Does one thing in a transaction of its own. The result is that of the request, when the transaction is complete. */
async function transact(
  database: string,
  mode: IDBTransactionMode,
  ask: (store: IDBObjectStore) => IDBRequest<unknown>,
): Promise<unknown> {
  const opening = indexedDB.open(database, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(storeName);
  const opened = await succeeded(opening);
  try {
    const transaction = opened.transaction(storeName, mode);
    const asked = ask(transaction.objectStore(storeName));
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
    return asked.result;
  } finally {
    opened.close();
  }
}

function succeeded<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
