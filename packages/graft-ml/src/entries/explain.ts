export * from '@graft-ml/core/explain';
