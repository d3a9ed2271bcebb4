export { type ModelServer, serveModels } from './model-server.ts';
export type { NamedModel, ServeLimits, ServeLog, ServeOptions } from './serve-options.ts';
