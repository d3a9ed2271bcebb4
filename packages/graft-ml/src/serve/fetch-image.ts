import { lookup } from 'node:dns/promises';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { BlockList, isIP } from 'node:net';
import { ServeError } from './problems.ts';

export interface FetchImageOptions {
  /** Hosts from which images may be fetched: `images.example.com`, with a port where that is another than the usual. */
  readonly hosts: readonly string[];
  readonly mostBytes: number;
  readonly signal: AbortSignal;
  /** Hears of the bytes as they come. */
  readonly onBytes: (count: number) => void;
}

/** Addresses that are nobody's on the internet: this machine's, its network's, and those of clouds' metadata. */
const reserved = blockList([
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
]);

function blockList(networks: readonly (readonly [network: string, prefix: number])[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of networks) list.addSubnet(network, prefix, 'ipv4');
  return list;
}

/** Whether an address is one that a server on the internet has. Of IPv6: global unicast, without tunnels to IPv4. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 4) return !reserved.check(address, 'ipv4');
  return isIP(address) === 6 && /^[23]/.test(address) && !/^(2002|2001:0{0,4}:|2001:db8)/i.test(address);
}

/**
 * Fetches an image from a host that is allowed by name. The address is looked up once and connected to as it was
 * checked, so that a name cannot lead elsewhere a moment later; no redirect is followed. A private address is only
 * connected to where the list has the address itself.
 *
 * @throws ServeError (by rejection) where it is refused or fails
 */
export async function fetchImage(
  url: string,
  { hosts, mostBytes, signal, onBytes }: FetchImageOptions,
): Promise<Buffer> {
  const { protocol, host, hostname, port, username, pathname, search } = new URL(url);
  const isAllowed = hosts.some((each) => each.toLowerCase() === host.toLowerCase());
  if (!isAllowed || username !== '' || !/^https?:$/.test(protocol)) throw new ServeError('url-refused');
  const bare = hostname.replace(/^\[|\]$/g, '');
  const { address, family } = await addressOf(bare);
  const request = protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const fail = (detail?: string) => reject(new ServeError('url-failed', detail));
    const asked = request(
      {
        ...{ host: address, family, servername: isIP(bare) ? '' : bare, path: `${pathname}${search}`, signal },
        ...(port !== '' && { port }),
        headers: { host, accept: 'image/*' },
        agent: false,
      },
      (response) => {
        const { statusCode } = response;
        if (statusCode !== 200) {
          response.destroy();
          return fail(`The host of the image answers ${statusCode}.`);
        }
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          try {
            size += chunk.length;
            if (size > mostBytes) throw new ServeError('too-many-bytes');
            onBytes(chunk.length);
            chunks.push(chunk);
          } catch (error) {
            reject(error);
            response.destroy();
          }
        });
        response.on('end', () => resolve(Buffer.concat(chunks)));
        response.on('error', () => fail());
        response.on('aborted', () => fail());
      },
    );
    asked.on('error', () => (signal.aborted ? reject(signal.reason) : fail()));
    asked.end();
  });
}

async function addressOf(host: string): Promise<{ readonly address: string; readonly family: number }> {
  if (isIP(host)) return { address: host, family: isIP(host) };
  const found = await lookup(host, { all: true }).catch(() => []);
  if (found.length === 0) throw new ServeError('url-failed');
  if (!found.every(({ address }) => isPublicAddress(address))) {
    throw new ServeError('url-refused', 'The host of the image has a private address.');
  }
  return found[0]!;
}
