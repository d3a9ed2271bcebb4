import { choice } from '@graft-ml/core/internal/recipe/config/choice';
import { z } from 'zod';
import { defineTable } from '../command.ts';
import { optionalText } from './download.ts';

const levels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
const count = (most: number) => z.int().min(1).max(most);
const seconds = z.number().min(0.1).max(3600);

const access = {
  host: z.string().default('127.0.0.1').describe('address to listen at; any but this machine’s own needs a token'),
  port: z.int().min(0).max(65_535).default(47_240).describe('port, 0 for any free one'),
  tokenFile: optionalText.describe('file with the token that requests must carry; default: GRAFT_TOKEN, if it is set'),
  cors: optionalText.describe('origins of pages that may ask, with commas between them'),
  allowUrl: optionalText.describe('hosts from which images may be fetched, with commas between them'),
  trustProxy: optionalText.describe('addresses of proxies whose X-Forwarded-For is believed, with commas between them'),
};

const work = {
  workers: count(64).optional().describe('processes that run each model; default: 2, or 1 on a single core'),
  threads: count(256).optional().describe('threads of each of them; default: the cores divided among the workers'),
  decoders: count(64)
    .optional()
    .describe('processes that decode images; default: one for each core, at most 8; 1 where workers have one thread'),
  maxBatch: count(256).default(8).describe('most images in a batch'),
  maxWait: z
    .number()
    .min(0)
    .max(10_000)
    .default(0)
    .describe('milliseconds that an image waits for others while a worker is free'),
  explain: z.boolean().default(true).describe('explain predictions by Grad-CAM when asked to; it takes memory'),
  watch: z.boolean().default(false).describe('reload a model when its files change'),
  logLevel: choice(levels)
    .default('info')
    .describe(`how much goes to the log on stderr: ${levels.join(' | ')}`),
};

const limits = {
  maxBody: z.number().min(0.001).max(256).default(10).describe('most MiB of a body'),
  maxPixels: z.number().min(0.001).max(100).default(50).describe('most millions of pixels of an image'),
  maxHeld: z.number().min(1).max(16_384).default(256).describe('most MiB of bodies that are held at once'),
  rate: z
    .int()
    .min(0)
    .max(1e6)
    .optional()
    .describe('most requests of a client in a minute, 0 for any number; default: any on this machine, else 1200'),
  concurrency: count(4096).default(32).describe('requests that are worked at'),
  maxQueue: z.int().min(0).max(65_536).default(256).describe('requests that wait to be; beyond, the answer is 503'),
  connections: count(65_536).default(2048).describe('most connections'),
  headerSeconds: seconds.default(10).describe('seconds for the headers of a request to arrive'),
  receiveSeconds: seconds.default(30).describe('seconds for all of a request to arrive'),
  answerSeconds: seconds.default(30).describe('seconds for the answer, from then on'),
  stopSeconds: seconds.default(30).describe('seconds that stopping waits for requests'),
};

/** The arguments and options of `graft serve`. */
export const serveTable = defineTable({
  arguments: [
    {
      syntax: '<models...>',
      description:
        'run folders, and what `graft export` wrote: .onnx files, folders of --format hf and triton; each as PATH or ' +
        'NAME=PATH; the first one is that of /predict',
    },
  ],
  options: z.strictObject({ ...access, ...work, ...limits }),
  groups: { 'Who may ask': access, Work: work, Limits: limits },
  examples: [
    'graft serve runs/x',
    'graft serve flowers=runs/flowers trash=exports/trash-int8.onnx --port 8000',
    'graft serve runs/x --watch --workers 4 --threads 1',
    'graft serve runs/x --host 0.0.0.0 --token-file /run/secrets/graft-token --cors https://app.example.com',
    'graft serve runs/x --port 0 --json --log-level silent',
  ],
});

export type ServeFlags = z.output<typeof serveTable.options>;
