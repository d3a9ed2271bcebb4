/* The worker that trains, adapts and answers, so that the page never waits. */
import { serveGraft } from '@graft-ml/web/internal/worker/index';

serveGraft();
