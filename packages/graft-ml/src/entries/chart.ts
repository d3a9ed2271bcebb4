export * from '@graft-ml/core/chart';
