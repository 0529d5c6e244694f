import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { clientLimits, readMessage, type Request } from '../../src/jsonrpc/message.ts';
import type { RequestHeaders } from '../../src/modern/header-value.ts';

export const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};

/** A request as a client of 2026-07-28 sends it. */
export function modernRequest(
  method: string,
  params: object = {},
  ownMeta: object = meta,
): { readonly request: Request; readonly bytes: Bytes } {
  const bytes = Bytes.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: ownMeta } }));
  const request = readMessage(bytes, clientLimits);
  if (request.kind !== 'request') throw new Error('A test sends valid requests');
  return { request, bytes };
}

/** Headers as `node:http` gives them. */
export function requestHeaders(...named: readonly (readonly [name: string, value: string])[]): RequestHeaders {
  const headers: NodeJS.Dict<string> = {};
  for (const [name, value] of named) {
    const known = headers[name.toLowerCase()];
    headers[name.toLowerCase()] = known === undefined ? value : `${known}, ${value}`;
  }
  return { headers, rawHeaders: named.flat() };
}

export function wrapped(text: string): string {
  return `=?base64?${Buffer.from(text).toString('base64')}?=`;
}
