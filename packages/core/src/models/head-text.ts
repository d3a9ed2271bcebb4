import { numberOf, type TextCodec, textError } from '../base/text-codec.ts';
import { headLayerNames } from './head-layers.ts';
import type { HeadLayer } from './model.ts';

const syntax = `a number of features (512), dropout=P with 0 <= P < 1, or one of: ${headLayerNames.join(', ')}`;

export const headHelp = `: features, dropout=P, ${headLayerNames.join(', ')}, as in 512,relu,dropout=0.3`;

/** `512,relu,dropout=0.3` */
export const head: TextCodec<readonly HeadLayer[]> = {
  syntax,
  parse: (text) => text.split(',').map((part) => layerOf(part.trim(), text)),
  format: (layers) =>
    layers.map((layer) => (typeof layer === 'object' ? `dropout=${layer.dropout}` : String(layer))).join(','),
};

function layerOf(part: string, text: string): HeadLayer {
  if (/^[1-9]\d{0,5}$/.test(part)) return Number(part);
  const named = headLayerNames.find((name) => name === part);
  if (named !== undefined) return named;
  const dropout = part.startsWith('dropout=') ? numberOf(part.slice('dropout='.length)) : Number.NaN;
  if (dropout < 1) return { dropout };
  throw textError('head', syntax, text, ` "${text}": "${part}" is not understood. Expected ${syntax}.`);
}
