import type { HeaderEntry, UrlSource } from './config.ts';
import { isLoopback } from './loopback.ts';
import type { ServerEntry } from './schema.ts';
import type { Surroundings } from './surroundings.ts';

/** Headers that the protocol, or the connection, has a use for. */
const reserved = new Set([
  ...['accept', 'accept-encoding', 'content-type', 'content-length', 'content-encoding', 'host', 'connection'],
  ...['transfer-encoding', 'upgrade', 'expect', 'te', 'trailer', 'keep-alive', 'last-event-id'],
  ...['mcp-session-id', 'mcp-protocol-version'],
]);

/** The keys `url`, `headers` and `insecureHttp` → where the server is; reports what the schema cannot say. */
export function resolveUrl(entry: ServerEntry, url: string, around: Surroundings): UrlSource {
  checkPlace(url, entry.insecureHttp ?? false, around.report);
  return { kind: 'url', url, headers: resolveHeaders(entry, around) };
}

/** Keys that mean something with `url` only. */
export function refuseRemoteKeys(entry: ServerEntry, report: Surroundings['report']): void {
  for (const key of ['headers', 'insecureHttp'] as const) {
    if (entry[key] !== undefined) report([key], 'is for url; this server has none');
  }
}

function checkPlace(text: string, allowsHttp: boolean, report: Surroundings['report']): void {
  if (!URL.canParse(text)) return;
  const { protocol, hostname, username, password } = new URL(text);
  if (username !== '' || password !== '') report(['url'], 'has a user or password in it; wanted a secret in headers');
  if (protocol === 'http:' && !allowsHttp && !isLoopback(hostname)) {
    report(['url'], 'wanted https://; plain http:// to another machine needs insecureHttp: true');
  }
}

function resolveHeaders(entry: ServerEntry, { isSecret, report }: Surroundings): HeaderEntry[] {
  const names = new Set<string>();
  return Object.entries(entry.headers ?? {}).map(([name, given]) => {
    const value = String(given);
    const folded = name.toLowerCase();
    if (reserved.has(folded)) report(['headers', name], 'is a header that the protocol needs; wanted another one');
    if (names.has(folded)) report(['headers', name], 'is there twice');
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) report(['headers', name], 'wanted a value of one line, in Latin-1');
    names.add(folded);
    return { name, value, secret: isSecret('headers', name) };
  });
}
