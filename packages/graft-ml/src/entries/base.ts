export * from '@graft-ml/core/base';
