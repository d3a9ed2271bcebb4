/**
 * Studies of options: the samplers that suggest the next trial, the pruners that stop one early, and what a history of
 * trials says of the options.
 *
 * @module graft-ml/study
 */
export * from '@graft-ml/core/study';
