export { choiceError, choiceProblem, didYouMean, expectChoice, unknownName } from './choice.ts';
export { OptionError, ShapeError, UsageError, UserError } from './errors.ts';
export { fromBrainFloat, fromHalf } from './half.ts';
export { quote } from './quote.ts';
export { beta, type RandomStream, randomStream } from './random.ts';
export * from './tensor.ts';
export { version } from './version.ts';
