export * from '@graft-ml/core/grad';
