import { plural } from '@graft-ml/core/internal/base/plural';
import { lineChartSvg, surfaceChartSvg } from '@graft-ml/core/internal/chart/index';
import { type LossSurface, lossSurface } from '@graft-ml/core/internal/meta/index';
import type { OpenMetaTest } from '../meta/test-meta.ts';
import type { ShownEpisode } from './episodes.ts';
import { fixed, percent } from './format.ts';
import { html, type Markup, trusted } from './html.ts';

/** Numbers of the network beyond which no surface is computed: every point of it is a network of its own. */
const mostNumbers = 20e6;

/** The surface of an episode; a sentence where there is none. */
export async function surfaceOf(
  { opened, runtime, steps }: OpenMetaTest,
  { episode }: ShownEpisode,
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly onProgress?: ((done: number, total: number) => void) | undefined;
  },
): Promise<LossSurface | string> {
  const { learner, network, values, config } = opened;
  if (learner.kind === 'prototypes' || steps === 0)
    return `${config.learner} takes no inner steps, so that there is no way to draw.`;
  const numbers = [...learner.rates].reduce((sum, [name, rate]) => sum + (rate ? values[name]!.data.length : 0), 0);
  if (numbers > mostNumbers) {
    return `The inner loop moves ${numbers.toLocaleString('en')} numbers, too many to compute a surface of.`;
  }
  return lossSurface(network, learner, values, episode, { ...options, runtime, steps });
}

/** The loss around the way of the inner loop, of the support, which it goes down, and of the queries, which it is for. */
export async function surfaceSection(surface: LossSurface | string, { why }: ShownEpisode): Promise<Markup> {
  if (typeof surface === 'string') return html`<p>${surface}</p>`;
  const { path, held } = surface;
  const last = path.length - 1;
  const draw = async (of: 'support' | 'query', title: string) => {
    const svg = await surfaceChartSvg({
      title,
      x: surface.x,
      y: surface.y,
      values: surface[of],
      value: 'loss',
      xLabel: 'from the start to the end of the inner loop',
      yLabel: 'where it bends',
      path: path.map(({ at }, step) => ({
        at,
        label: step === 0 ? 'start' : step === last ? `after ${plural(last, 'step')}` : undefined,
      })),
    });
    return html`<figure>${trusted(svg)}</figure>`;
  };
  const byStep = await lineChartSvg(
    {
      title: 'Loss by inner step',
      x: { label: 'inner steps' },
      y: { label: 'loss, nats' },
      series: (
        [
          ['queries', 'query'],
          ['support', 'support'],
        ] as const
      ).map(([name, of]) => ({ name, points: path.map((point, step) => [step, point[of]] as const) })),
    },
    { width: 460, height: 300 },
  );
  const losses = (of: 'support' | 'query') => `${fixed(path[0]![of], 2)} to ${fixed(path[last]![of], 2)}`;
  return html`<p>The loss of one episode (${why.toLowerCase()}) on the plane through its parameters that the inner loop goes along. The support’s loss is what the steps descend: ${losses('support')}. The queries’ is what the start was meta-learned for: ${losses('query')}.</p>
<div class="charts">${await draw('support', 'Loss of the support')}${await draw('query', 'Loss of the queries')}<figure>${trusted(byStep)}</figure></div>
<p class="quiet">The stronger the colour, the lower the loss. Distances are those of the parameters, the same in both directions. The plane holds ${percent(held, held > 0.995 ? 0 : 1)} of the way${held <= 0.995 && '; a point of the way is drawn where it is nearest to the plane'}.</p>`;
}
