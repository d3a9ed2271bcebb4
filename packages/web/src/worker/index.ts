/**
 * The worker of a page: its whole script, or a part of one of the page's own.
 *
 * @module @graft-ml/web/worker
 */
export { serveGraft } from './serve.ts';
