/** A method that says what in an image speaks for a class. */
export type ExplainMethod = 'gradcam' | 'integrated-gradients' | 'occlusion';

/** The methods, the quickest first. */
export const explainMethods = [
  'gradcam',
  'integrated-gradients',
  'occlusion',
] as const satisfies readonly ExplainMethod[];
