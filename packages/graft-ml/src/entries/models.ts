export * from '@graft-ml/core/models';
