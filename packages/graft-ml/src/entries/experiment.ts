export * from '../experiment/index.ts';
