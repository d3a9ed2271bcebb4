export * from '@graft-ml/core/nn';
