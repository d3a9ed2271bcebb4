export * from '@graft-ml/core/optim';
