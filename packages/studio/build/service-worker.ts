/*
 * Keeps the files of the page, so that it works without a network after the first visit. The page itself comes from the
 * network where there is one, so that a new version shows at once; everything else has its content's hash in its name,
 * and comes from what is kept. A new version replaces the old one when no tab shows that any more.
 */
declare const self: ServiceWorkerGlobalScope;
/** Filled in by offline.ts. */
declare const __STUDIO_FILES__: readonly string[];
declare const __STUDIO_VERSION__: string;

const prefix = `graft studio ${self.registration.scope} `;
const kept = prefix + __STUDIO_VERSION__;
const page = 'index.html';

self.addEventListener('install', (event) => {
  const requests = __STUDIO_FILES__.map((file) => new Request(file, { cache: 'reload' }));
  event.waitUntil(caches.open(kept).then((cache) => cache.addAll(requests)));
});

self.addEventListener('activate', (event) => {
  const removeOld = async () => {
    const names = await caches.keys();
    const old = names.filter((name) => name.startsWith(prefix) && name !== kept);
    await Promise.all(old.map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(removeOld());
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  if (!['GET', 'HEAD'].includes(request.method) || !request.url.startsWith(self.location.origin)) return;
  event.respondWith(request.mode === 'navigate' ? pageOf(request) : fileOf(request));
});

async function pageOf(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const cached = await (await caches.open(kept)).match(page);
    if (cached) return cached;
    throw error;
  }
}

async function fileOf(request: Request): Promise<Response> {
  const cache = await caches.open(kept);
  return (await cache.match(request, { ignoreMethod: true })) ?? fetch(request);
}
