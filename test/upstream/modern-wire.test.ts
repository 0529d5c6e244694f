import { beforeEach, describe, expect, it } from '@jest/globals';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { clientLimits, isRefusal, readMessage } from '../../src/jsonrpc/message.ts';
import { modernWire } from '../../src/upstream/modern-wire.ts';
import { SharedUpstream } from '../../src/upstream/shared-upstream.ts';
import { FakeSharedClient } from '../support/fake-shared-client.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { lastWord, subscribed } from '../support/relay-rig.ts';

const maxCallTimeMs = 600_000;
const prefix = 'io.modelcontextprotocol/';
const logLine = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}';
const idTexts = ['1', '"1"', '1.0', '9007199254740993', '"\\u0041"', '-0'];

let clock: ManualClock;
let upstream: FakeUpstream;
let shared: SharedUpstream;
let a: FakeSharedClient;
let b: FakeSharedClient;

beforeEach(() => {
  clock = new ManualClock();
  upstream = new FakeUpstream();
  a = new FakeSharedClient();
  b = new FakeSharedClient();
  shared = new SharedUpstream(upstream.asUpstream, { maxLineBytes: 1000, wire: modernWire({ maxCallTimeMs, clock }) });
});

/** Sends a request. @returns its id on the server */
function ask(client: FakeSharedClient, idText: string, method = 'tools/call', level?: string): number {
  const logLevel = level === undefined ? '' : `,"${prefix}logLevel":"${level}"`;
  const meta = `{"${prefix}protocolVersion":"2026-07-28"${logLevel}}`;
  const text = `{"jsonrpc":"2.0","id":${idText},"method":"${method}","params":{"_meta":${meta}}}`;
  const request = readMessage(Bytes.from(text), clientLimits);
  if (isRefusal(request) || request.kind !== 'request') throw new TypeError(`wanted a request: ${text}`);
  return shared.call(client, request, Bytes.from(text));
}

function listen(client: FakeSharedClient, idText: string): number {
  return ask(client, idText, 'subscriptions/listen');
}

function giveUp(id: number): void {
  const bytes = Bytes.from('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}');
  shared.cancel(id, { bytes, span: [74, 75] });
}

const cancelled = (idText: string | number): string =>
  `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${idText}}}`;
const answer = (id: number): string => `{"jsonrpc":"2.0","id":${id},"result":{}}`;

describe('modernWire(), a subscription,', () => {
  it.each(idTexts)('is told under the id %s as its client wrote it', (idText) => {
    const [id, other] = [listen(a, idText), listen(b, idText)];
    upstream.says(subscribed(id, 'tools/list_changed'));
    expect([a.messages, b.messages]).toEqual([[subscribed(idText, 'tools/list_changed')], []]);
    expect(other).not.toBe(id);
  });

  it.each(idTexts)('ends with a result that has the id %s twice', (idText) => {
    upstream.says(lastWord(listen(a, idText)));
    expect(a.messages).toEqual([lastWord(idText)]);
  });

  it('ends with a result whose _meta comes first', () => {
    const text = (id: string | number): string =>
      `{"result":{"_meta":{"${prefix}subscriptionId": ${id} },"resultType":"complete"}, "id":${id},"jsonrpc":"2.0"}`;
    upstream.says(text(listen(a, '"long enough"')));
    expect(a.messages).toEqual([text('"long enough"')]);
  });

  it('is over when the server cancels it: what comes then is dropped', () => {
    const id = listen(a, '"s"');
    upstream.says(cancelled(id), subscribed(id, 'tools/list_changed'), lastWord(id));
    expect([a.messages, shared.unexpected]).toEqual([[cancelled('"s"')], 2]);
  });

  it('is lost with its server', () => {
    listen(a, '"s"');
    upstream.ends();
    expect(a.failures).toEqual([{ id: 's', code: 'UPSTREAM_EXITED' }]);
  });
});

describe('modernWire() drops and counts', () => {
  it.each<[string, (call: number, open: number) => string]>([
    ['what is told to a subscription that there is not', () => subscribed(99, 'tools/list_changed')],
    ['what is told to a call', (call) => subscribed(call, 'tools/list_changed')],
    ['what is told to a subscription under a text', (_, open) => subscribed(`"${open}"`, 'tools/list_changed')],
    ['the end of what is no subscription', (call) => cancelled(call)],
    ['the end of nothing', () => cancelled(99)],
    ['a change that names no subscription', () => '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'],
    ['a log line that nobody asked for', () => logLine],
    ['a notification of a kind that nobody knows', () => '{"jsonrpc":"2.0","method":"notifications/x"}'],
    ['a request', () => '{"jsonrpc":"2.0","id":1,"method":"elicitation/create"}'],
    ['a ping', () => '{"jsonrpc":"2.0","id":1,"method":"ping"}'],
  ])('%s', (_what, says) => {
    const text = says(ask(a, '1'), listen(b, '1'));
    const sent = upstream.sent.length;
    upstream.says(text);
    expect([a.heard, b.heard, shared.unexpected, upstream.sent.length]).toEqual([[], [], 1, sent]);
  });
});

describe('modernWire(), a log line,', () => {
  it('goes to the one call that asked for such, whatever else is under way', () => {
    ask(a, '1');
    ask(b, '"mine"', 'tools/call', 'debug');
    listen(a, '2');
    ask(a, '3', 'subscriptions/listen', 'debug');
    upstream.says(logLine);
    expect([a.heard, b.asides]).toEqual([[], [{ text: logLine, cause: 'mine' }]]);
  });

  it.each([
    ['two clients', () => b],
    ['one client', () => a],
  ])('is dropped and counted when two calls of %s asked for such, until one is answered', (_who, second) => {
    const id = ask(a, '1', 'tools/call', 'info');
    ask(second(), '2', 'tools/call', 'info');
    upstream.says(logLine);
    expect([a.heard, b.heard, shared.unexpected]).toEqual([[], [], 1]);
    upstream.says(answer(id), logLine);
    expect(second().asides).toEqual([{ text: logLine, cause: 2 }]);
  });

  it('is dropped and counted for as long as the server may be at a call that was given up and had asked for such', async () => {
    giveUp(ask(a, '1', 'tools/call', 'info'));
    ask(b, '2', 'tools/call', 'info');
    await clock.advance(maxCallTimeMs - 1);
    upstream.says(logLine);
    expect([b.heard, shared.unexpected]).toEqual([[], 1]);
    await clock.advance(1);
    upstream.says(logLine);
    expect(b.asides).toHaveLength(1);
  });

  it('is not held back by a call that was given up and had asked for nothing', () => {
    giveUp(ask(a, '1'));
    ask(b, '2', 'tools/call', 'info');
    upstream.says(logLine);
    expect(b.asides).toHaveLength(1);
  });
});

describe('modernWire(), a question of Gangway’s own,', () => {
  it('is server/discover, with all that a request has to say of itself', () => {
    shared.ping();
    expect(upstream.last).toMatchObject({
      method: 'server/discover',
      params: {
        _meta: {
          [`${prefix}protocolVersion`]: '2026-07-28',
          [`${prefix}clientInfo`]: { name: 'gangway' },
          [`${prefix}clientCapabilities`]: {},
        },
      },
    });
  });
});

describe('SharedUpstream, the facts of a result,', () => {
  it.each(['"a longer id"', '7'])('stand where they are in the bytes with the id %s', (idText) => {
    const places: unknown[] = [];
    a.onMessage = (message, bytes): void => {
      if (message.kind !== 'response') return;
      const { at = 0, metaAt = 0 } = message.result ?? {};
      places.push([bytes.text(at, at + 9), bytes.text(metaAt, metaAt + 6)]);
    };
    const id = ask(a, idText);
    upstream.says(`{"jsonrpc":"2.0","id":${id},"result":{"_meta":{"k":1}}}`);
    upstream.says(`{"jsonrpc":"2.0","result":{"_meta":{"k":1}},"id":${ask(a, idText)}}`);
    expect(places).toEqual(Array(2).fill(['{"_meta":', '{"k":1']));
  });
});
