import { describe, expect, it } from '@jest/globals';
import { codeOf } from '../../src/base/errors.ts';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { isClaimed, type Incoming } from '../../src/modern/incoming.ts';
import { ModernReply } from '../../src/modern/modern-reply.ts';
import { ToolHeaders, type AskPage } from '../../src/modern/tool-headers.ts';
import { aResponse } from '../support/envelopes.ts';
import { FakeConnection } from '../support/fake-connection.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { modernRequest, requestHeaders } from '../support/modern-requests.ts';

/** A call whose argument is to be repeated as `Mcp-Param-Region`. */
function call(region: string | undefined): Incoming {
  const { request, bytes } = modernRequest('tools/call', { name: 'query', arguments: { region: 'west' } });
  if (!isClaimed(request)) throw new Error('wanted a claim');
  const headers = requestHeaders(...(region === undefined ? [] : [['Mcp-Param-Region', region] as const]));
  const reply = new ModernReply(new FakeConnection());
  return { request, bytes, headers, reply, address: '', principal: '' };
}

const mirrored = {
  name: 'query',
  inputSchema: { properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } },
};
const plain = { name: 'query', inputSchema: { properties: { region: { type: 'string' } } } };

/** Pages of a server's list, one after the other; each request takes the next. */
class Server {
  asked: unknown[] = [];
  pages: { readonly tools: readonly object[]; readonly nextCursor?: string }[] = [];

  readonly ask: AskPage = (params) => {
    this.asked.push(params);
    const result = this.pages.shift();
    if (!result) return Promise.reject(new Error('gone'));
    const bytes = Bytes.from(JSON.stringify({ jsonrpc: '2.0', id: 1, result }));
    return Promise.resolve({ message: aResponse(1), bytes });
  };
}

async function outcome(headers: ToolHeaders, incoming: Incoming, { ask }: Server): Promise<unknown> {
  if (!headers.mustCheck(incoming)) return 'unchecked';
  return headers.checkAnew(incoming, ask).then(
    () => 'passed',
    (error: unknown) => codeOf(error),
  );
}

describe('ToolHeaders', () => {
  it('reads the list once, all of it, and asks no more while it is fresh', async () => {
    const [server, headers] = [new Server(), new ToolHeaders(new ManualClock())];
    server.pages = [{ tools: [], nextCursor: 'more' }, { tools: [mirrored] }];
    expect([await outcome(headers, call('west'), server), await outcome(headers, call('west'), server)]).toEqual([
      'passed',
      'passed',
    ]);
    expect(server.asked).toEqual([{}, { cursor: 'more' }]);
  });

  it('refuses a header that says something else, when the newest list wants it', async () => {
    const [server, headers] = [new Server(), new ToolHeaders(new ManualClock())];
    server.pages = [{ tools: [mirrored] }, { tools: [mirrored] }, { tools: [mirrored] }];
    expect(await outcome(headers, call('east'), server)).toBe('HEADER_MISMATCH');
    expect(await outcome(headers, call(undefined), server)).toBe('HEADER_MISMATCH');
  });

  it('looks again before it refuses: the tool may be another one now', async () => {
    const [server, headers] = [new Server(), new ToolHeaders(new ManualClock())];
    server.pages = [{ tools: [mirrored] }, { tools: [plain] }];
    expect(await outcome(headers, call(undefined), server)).toBe('passed');
    expect(await outcome(headers, call(undefined), server)).toBe('unchecked');
  });

  it('learns of a new header within a minute', async () => {
    const [server, clock] = [new Server(), new ManualClock()];
    const headers = new ToolHeaders(clock);
    server.pages = [{ tools: [plain] }, { tools: [mirrored] }, { tools: [mirrored] }];
    expect(await outcome(headers, call(undefined), server)).toBe('passed');
    await clock.advance(60_000);
    expect(await outcome(headers, call(undefined), server)).toBe('HEADER_MISMATCH');
  });

  it('lets a call pass as it did when the list cannot be had, and asks again soon', async () => {
    const [server, clock] = [new Server(), new ManualClock()];
    const headers = new ToolHeaders(clock);
    expect(await outcome(headers, call(undefined), server)).toBe('passed');
    expect(await outcome(headers, call(undefined), server)).toBe('unchecked');
    server.pages = [{ tools: [mirrored] }, { tools: [mirrored] }];
    await clock.advance(10_000);
    expect(await outcome(headers, call(undefined), server)).toBe('HEADER_MISMATCH');
  });
});
