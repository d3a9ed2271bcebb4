import type { FastifyInstance } from 'fastify';
import { ServeError } from './problems.ts';

/* Fastify answers 404 for a method that a route has not; clients expect 405. */

/** The methods of the routes that are added from now on. */
export function methodsByUrl(app: FastifyInstance): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = found.get(url) ?? new Set();
    for (const each of [method].flat()) methods.add(each);
    found.set(url, methods);
  });
  return found;
}

/** Answers 405, with the methods that there are, before a body is read. */
export function refuseOtherMethods(app: FastifyInstance, routes: ReadonlyMap<string, ReadonlySet<string>>): void {
  for (const [url, methods] of [...routes]) {
    const allowed = [...methods].join(', ');
    app.route({
      url,
      method: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((method) => !methods.has(method)),
      exposeHeadRoute: false,
      async onRequest({ method }, reply) {
        reply.header('allow', allowed);
        throw new ServeError('no-method', `${method} is not for this route: use ${allowed}.`);
      },
      handler: async () => {},
    });
  }
}
