import type { IncomingMessage } from 'node:http';
import { BridgeError } from '../base/errors.ts';
import { isLoopback } from '../config/loopback.ts';

/** What proxies add: behind one on this machine, everybody seems to be here. */
const forwarding = /^(forwarded|via|x-real-ip|x-forwarded-.*|x-original-.*|.*-(client|connecting)-ip)$/;

/**
 * Whether a request may operate the bridge. As long as nobody is asked who they are, that is whoever is on this machine
 * and comes straight from a program; a web page, whatever its origin, is no such program.
 *
 * @throws {BridgeError} `ADMIN_REFUSED`
 */
export function checkAdmin(request: IncomingMessage): void {
  const { socket, headers, method } = request;
  if (!isHere(socket.remoteAddress)) refuse('it came from another machine, wanted this one');
  const proxy = traceOfProxy(request);
  if (proxy !== undefined) refuse(`it came through a proxy (${proxy}), wanted a direct connection`);
  if (headers.origin !== undefined || isForeign(headers['sec-fetch-site'])) {
    refuse('it came from a web page, wanted a program');
  }
  // No form can have it, and a page that sets it would have to ask first.
  if (method === 'POST' && headers['content-type'] !== 'application/json') {
    refuse('its Content-Type is not application/json, wanted exactly that');
  }
}

/** @param address of the peer; a socket that listens on IPv6 too writes 127.0.0.1 as ::ffff:127.0.0.1 */
function isHere(address: string | undefined): boolean {
  return address !== undefined && isLoopback(address.replace(/^::ffff:/i, ''));
}

/** What shows that a proxy stands between. nginx adds no header unless told to, but spoke HTTP/1.0 for most of its life. */
function traceOfProxy({ headers, httpVersion }: IncomingMessage): string | undefined {
  return httpVersion === '1.0' ? 'HTTP/1.0' : Object.keys(headers).find((name) => forwarding.test(name));
}

/**
 * Whether a web page of somebody else asks. Browsers say where a request begins even where they send no Origin.
 *
 * @param site the header `Sec-Fetch-Site`
 * @see W3C, Fetch Metadata
 */
export function isForeign(site: string | readonly string[] | undefined): boolean {
  return site !== undefined && site !== 'none' && site !== 'same-origin';
}

function refuse(why: string): never {
  throw new BridgeError('ADMIN_REFUSED', `Cannot operate Gangway by this request: ${why}`);
}
