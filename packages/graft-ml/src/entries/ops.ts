export * from '@graft-ml/core/ops';
