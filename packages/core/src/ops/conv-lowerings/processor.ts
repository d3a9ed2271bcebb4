import { conv2dOp, inputGradOp, weightGradOp } from '../conv.ts';
import { addLowerings } from '../define.ts';
import { blockedConv, blockedInputGrad } from './blocked.ts';
import { type Blocking, blockings } from './blocked-nodes.ts';
import { depthwiseWeightGrad, groupedWeightGrad } from './blocked-weight-grad.ts';
import { convolvedPatches } from './convolved-patches.ts';
import { fastShift } from './fast-shift.ts';
import { gatheredWeightGrad } from './gathered-weight-grad.ts';
import { stackedMatMul } from './matmul-weight-grad.ts';
import { productsPerTap } from './weight-grad.ts';
import { winogradConv, winogradInputGrad, winogradWeightGrad } from './winograd.ts';

const perBlock = <T>(name: string, rule: (blocking: Blocking) => T) =>
  Object.fromEntries(blockings.map((each) => [`${name}${each.block}`, rule(each)]));

/**
 * Adds the lowerings of convolutions that are for ORT's processor kernels. WebAssembly and GPUs have no blocked kernels,
 * and a page, which has to be small, leaves all of them out.
 */
export function addProcessorLowerings(): void {
  addLowerings(conv2dOp, { ...perBlock('blocked', blockedConv), winograd: winogradConv });
  addLowerings(inputGradOp, { ...perBlock('blocked', blockedInputGrad), winograd: winogradInputGrad });
  addLowerings(weightGradOp, {
    ...productsPerTap(fastShift),
    ...perBlock('blocked', depthwiseWeightGrad),
    stackedMatMul,
    ...perBlock('grouped', groupedWeightGrad),
    winograd: winogradWeightGrad,
    gatheredMatMul: gatheredWeightGrad,
    convolvedPatches,
  });
}
