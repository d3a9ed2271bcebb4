import { UserError } from '@graft-ml/core/internal/base/errors';

/** The longest input, in bytes: a million paths of 256. */
const longest = 256 * 2 ** 20;

/**
 * Paths from stdin: one a line, or as `find -print0` writes them, with a zero byte behind each.
 * @throws UserError where it is an image itself, too long, no text, or empty
 */
export async function readPaths(input: AsyncIterable<Uint8Array>): Promise<string[]> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of input) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > longest) throw new UserError(`stdin: more than ${longest} bytes are no list of paths.`);
  }
  const bytes = Buffer.concat(chunks);
  const { sniffFormat } = await import('@graft-ml/core/internal/image/file/sniff');
  if (sniffFormat(bytes) !== undefined) {
    throw new UserError('stdin holds an image; it takes a list of paths. Write the image to a file, and name that.');
  }
  const text = decode(bytes);
  const paths = text.split(text.includes('\0') ? '\0' : /\r?\n/).filter((path) => path !== '');
  if (paths.length === 0) throw new UserError('stdin holds no paths.');
  return paths;
}

/** The places on a command line, with the paths from stdin where `-` stands. */
export async function expandStdin(places: readonly string[]): Promise<readonly string[]> {
  const named: string[] = [];
  for (const place of places)
    for (const path of place === '-' ? await readPaths(process.stdin) : [place]) named.push(path);
  return named;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new UserError('stdin is not UTF-8 text: it takes a list of paths.', { cause });
  }
}
