import { openStream, type EventStream } from './event-stream.ts';
import { textOf, type Answer, type RawSession } from './mcp-client.ts';
import type { Program } from './program.ts';
import { until } from './until.ts';

type Status = Awaited<ReturnType<Program['status']>>;

/** What `GET /status` says about the pool of a server. */
export async function poolOf(bridge: Program, server: string): Promise<Status['servers'][string]['pool']> {
  return (await bridge.status()).servers[server]!.pool;
}

/** The text in the result of a tool of `together.mjs`. */
export function resultOf({ message }: Answer): string {
  return textOf(message?.result);
}

/** A call of `together.mjs` that works until `release`, and whose first progress has come. */
export async function hold(session: RawSession, id: string | number = 'held'): Promise<EventStream> {
  const params = { name: 'hold', arguments: {}, _meta: { progressToken: id } };
  const stream = await openStream(session.url, session.headers, { jsonrpc: '2.0', id, method: 'tools/call', params });
  await until('its first progress', () => stream.messages().length === 1);
  return stream;
}

/** What `together.mjs` was told for all its clients together, in order. */
export async function told(session: RawSession): Promise<[what: string, which: unknown][]> {
  return JSON.parse(resultOf(await session.call('told'))) as [string, unknown][];
}
