export { type GradOptions, grad, vjp } from './grad.ts';
