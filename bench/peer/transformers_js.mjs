/*
 * Classifies images with transformers.js's own pipeline, as its users do. bench/readers.ts puts it beside the package and
 * runs it: node transformers_js.mjs JOBS.json OUT.json, with {"images": [path, …], "jobs": [{"folder", "hubDtype"}, …]}.
 * Without a `hubDtype` the folder's own configuration says which numbers are taken.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { env, pipeline } from '@huggingface/transformers';

env.allowRemoteModels = false;
const [jobsFile, out] = process.argv.slice(2);
const { images, jobs } = JSON.parse(readFileSync(jobsFile, 'utf8'));
const results = [];
for (const { folder, hubDtype } of jobs) {
  const classify = await pipeline('image-classification', folder, hubDtype === null ? {} : { dtype: hubDtype });
  const classes = Object.values(classify.model.config.id2label);
  const probabilities = [];
  for (const path of images) {
    const scores = await classify(path, { top_k: classes.length });
    const byLabel = new Map(scores.map(({ label, score }) => [label, score]));
    probabilities.push(classes.map((label) => byLabel.get(label)));
  }
  results.push({ classes, probabilities });
  await classify.dispose();
}
const { version } = JSON.parse(readFileSync('node_modules/@huggingface/transformers/package.json', 'utf8'));
writeFileSync(out, JSON.stringify({ version, results }));
