import type { IncomingMessage } from 'node:http';
import { BridgeError } from '../base/errors.ts';
import type { ListenConfig } from '../config/config.ts';
import { isLoopback } from '../config/loopback.ts';

/** Who may knock: checked on every route and method, before anything is read or started. */
export class Gate {
  #hosts: ReadonlySet<string> = new Set();
  /** The header that was let in last: nearly all requests have the same. */
  #knownHost: string | undefined;
  #origins: ReadonlySet<string> = new Set();

  constructor(listen: ListenConfig) {
    this.admit(listen);
  }

  /** The names and origins that are let in from now on, and no others. */
  admit({ host, allowedHosts, allowedOrigins }: ListenConfig): void {
    this.#knownHost = undefined;
    const isWildcard = host === '0.0.0.0' || host === '::';
    this.#hosts = new Set([...allowedHosts, ...(isWildcard ? [] : [host])].map((name) => bare(name.toLowerCase())));
    this.#origins = new Set(allowedOrigins.map((origin) => origin.toLowerCase()));
  }

  /**
   * @throws {BridgeError} `HOST_REFUSED`, `ORIGIN_REFUSED`
   * @see MCP 2025-11-25, Transports, "Security Warning": DNS rebinding
   */
  check(request: IncomingMessage): void {
    if (!this.#isHostAllowed(request)) throw new BridgeError('HOST_REFUSED', 'Host not allowed');
    const { origin } = request.headers;
    if (origin !== undefined && !this.isOriginAllowed(origin))
      throw new BridgeError('ORIGIN_REFUSED', 'Origin not allowed');
  }

  /** Loopback origins on any port, and those on the list exactly. */
  isOriginAllowed(origin: string): boolean {
    if (this.#origins.has(origin.toLowerCase())) return true;
    if (!URL.canParse(origin)) return false;
    const url = new URL(origin);
    // An origin has no user, path or query; and what the parser had to mend is not what the browser sent.
    return /^https?:$/.test(url.protocol) && url.origin === origin.toLowerCase() && isLoopback(url.hostname);
  }

  #isHostAllowed({ headers, rawHeaders, url }: IncomingMessage): boolean {
    const { host } = headers;
    if (host === undefined || url?.charCodeAt(0) !== slash || countHosts(rawHeaders) !== 1) return false;
    if (host === this.#knownHost) return true;
    const isAllowed = this.#isNameAllowed(host);
    if (isAllowed) this.#knownHost = host;
    return isAllowed;
  }

  #isNameAllowed(host: string): boolean {
    const name = /^(\[[0-9a-f:.]+\]|[^:[\]@/\s]+)(?::\d{1,5})?$/i.exec(host)?.[1]?.toLowerCase();
    return name !== undefined && (isLoopback(name) || this.#hosts.has(bare(name)));
  }
}

const slash = 0x2f;

/** Names and values stand in turns. */
function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (name?.length === 4 && name.toLowerCase() === 'host') count += 1;
  }
  return count;
}

/** An IPv6 address with or without its brackets is the same host. */
function bare(name: string): string {
  return name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
}
