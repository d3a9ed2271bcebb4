import { z } from 'zod';

/** An option that is not set unless it is given. */
export const optionalText = z.string().nullable().default(null);

/** The flags of every command that may have to download weights. */
export const downloadFlags = {
  offline: z.boolean().default(false).describe('take weights from the cache only'),
  mirror: optionalText.describe('address or folder in place of the publishers’ hosts; default: GRAFT_MIRROR'),
  expectSha256: z
    .string()
    .refine((text) => /^[0-9a-f]{64}$/i.test(text), { params: { expected: '64 hexadecimal digits' } })
    .nullable()
    .default(null)
    .describe(
      'SHA-256 that the file of the weights must have; where none is published, it must be what was downloaded first',
    ),
};

export type DownloadFlags = z.output<z.ZodObject<typeof downloadFlags>>;
