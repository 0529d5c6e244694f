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
  response.setHeader(
    'Access-Control-Allow-Headers',
    'Content-Type, Accept, Authorization, Mcp-Session-Id, MCP-Protocol-Version, Last-Event-ID',
  );
  response.setHeader('Access-Control-Max-Age', '600');
}
