/** The mean over episodes, and how sure it is. */
export interface EpisodeInterval {
  readonly mean: number;
  /** Half the width of the 95 % interval of the mean, 1.96 σ / √n, as the field reports it. */
  readonly margin: number;
  /** σ of one episode, with n - 1. */
  readonly deviation: number;
}

/** mean ± 1.96 σ / √n over episodes, each counting once. */
export function episodeInterval(values: readonly number[]): EpisodeInterval {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = n > 1 ? Math.sqrt(squares / (n - 1)) : 0;
  return { mean, margin: (1.96 * deviation) / Math.sqrt(n), deviation };
}
