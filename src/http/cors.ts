import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Lets a page of an allowed origin read the answers; the gate has refused every other origin already.
 *
 * @see MCP 2025-11-25, Transports: `Mcp-Session-Id` must be readable for a client in a browser
 */
export function applyCors(request: IncomingMessage, response: ServerResponse): void {
  const { origin } = request.headers;
  if (origin === undefined) return;
  response.setHeader('Access-Control-Allow-Origin', origin);
  response.setHeader('Vary', 'Origin');
  response.setHeader('Access-Control-Expose-Headers', 'Mcp-Session-Id, MCP-Protocol-Version');
  if (request.method !== 'OPTIONS') return;
  response.setHeader('Access-Control-Allow-Methods', 'GET, POST, DELETE');
  response.setHeader('Access-Control-Allow-Headers', [...allowedHeaders, ...mirroredIn(request)].join(', '));
  response.setHeader('Access-Control-Max-Age', '600');
}

const allowedHeaders = [
  ...['Content-Type', 'Accept', 'Authorization', 'Mcp-Session-Id', 'MCP-Protocol-Version', 'Last-Event-ID'],
  ...['Mcp-Method', 'Mcp-Name'],
];

/** Headers that repeat arguments of a tool: which there are, only the page knows that asks. */
function mirroredIn({ headers }: IncomingMessage): string[] {
  const asked = headers['access-control-request-headers'] ?? '';
  return asked.split(',', 200).flatMap((name) => /^\s*(mcp-param-[\w!#$%&'*+.^`|~-]+)\s*$/i.exec(name)?.[1] ?? []);
}
