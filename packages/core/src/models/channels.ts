/**
 * The multiple of 8 nearest to a number of channels, at least 8, and the next one where that would take more than a
 * tenth away: how the MobileNets and EfficientNets round (Sandler et al. 2018, reference code).
 */
export function roundChannels(channels: number): number {
  const rounded = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return rounded < 0.9 * channels ? rounded + 8 : rounded;
}
