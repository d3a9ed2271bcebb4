export * from '@graft-ml/core/fit';
