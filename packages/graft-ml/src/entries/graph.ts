export * from '@graft-ml/core/graph';
