import { serveGraft } from '@graft-ml/web/worker';

serveGraft();
