import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { link, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultCacheFolder, privateFolder } from './cache-folder.ts';
import { openPlainFile } from './read.ts';

const bytes = 32;
const uid = () => process.getuid?.() ?? null;

/**
 * Signs a text as written by this user: HMAC-SHA256 with a key that nobody else can read. Null where there can be no
 * such key, as for a user without a home.
 */
export async function signAsUser(text: string): Promise<string | null> {
  const key = (await userKey()) ?? (await makeUserKey().then(userKey, () => null));
  return key && createHmac('sha256', key).update(text).digest('hex');
}

/** Whether a text was signed by this user. */
export async function isSignedByUser(text: string, signature: string | null): Promise<boolean> {
  const key = signature === null ? null : await userKey();
  if (key === null || signature === null) return false;
  const expected = createHmac('sha256', key).update(text).digest();
  const given = Buffer.from(signature, 'hex');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/**
 * The key says who the user is, so it stands in one place whatever cache a program uses. Several users may share that.
 */
function keyFile(): string {
  return join(defaultCacheFolder(), `user${uid() === null ? '' : `-${uid()}`}.key`);
}

/** Null where there is none, or one that somebody else could have made or read. */
async function userKey(): Promise<Buffer | null> {
  const handle = await openPlainFile(keyFile(), { links: 'refuse' }).catch(() => null);
  if (handle === null) return null;
  try {
    const status = await handle.stat();
    const isPrivate = uid() === null || (status.uid === uid() && (status.mode & 0o077) === 0);
    if (!isPrivate || status.size !== bytes) return null;
    const key = Buffer.alloc(bytes);
    return (await handle.read(key, 0, bytes, 0)).bytesRead === bytes ? key : null;
  } finally {
    await handle.close();
  }
}

/** Makes the user's key. If several processes make it at once, all get the first one's. */
async function makeUserKey(): Promise<void> {
  await privateFolder(defaultCacheFolder());
  const draft = `${keyFile()}.${randomUUID()}.tmp`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(randomBytes(bytes));
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    await link(draft, keyFile());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
}
