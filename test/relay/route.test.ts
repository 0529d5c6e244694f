import { describe, expect, it } from '@jest/globals';
import type { Envelope } from '../../src/jsonrpc/message.ts';
import { Exchange, type RequestEnvelope } from '../../src/relay/exchange.ts';
import { route, type InFlight } from '../../src/relay/route.ts';
import { FakeReply } from '../support/fake-reply.ts';

function exchange(id: string | number, token?: string | number): Exchange {
  const request: RequestEnvelope = {
    kind: 'request',
    id,
    idText: JSON.stringify(id),
    method: 'tools/call',
    progressToken: token,
    params: undefined,
  };
  return new Exchange(request, new FakeReply(), 0, { callTimeoutMs: 1000, maxCallTimeMs: 1000 });
}

const one = exchange(1, 'token');
const textOne = exchange('1', 7);
const last = exchange('last');

/** Three requests under way; `last` is the newest. */
const busy: InFlight = {
  byId: (key) => [one, textOne, last].find((candidate) => candidate.key === key),
  byToken: (key) => [one, textOne, last].find((candidate) => candidate.tokenKey === key),
  newest: () => last,
};
const idle: InFlight = { byId: () => undefined, byToken: () => undefined, newest: () => undefined };

function notification(method: string, params?: Record<string, unknown>): Envelope {
  return { kind: 'notification', method, params };
}

function response(id: string | number): Envelope {
  return { kind: 'response', id, result: {} };
}

const sampling: Envelope = {
  kind: 'request',
  id: 1,
  idText: '1',
  method: 'sampling/createMessage',
  params: undefined,
  progressToken: undefined,
};
const progress = (progressToken: unknown): Envelope => notification('notifications/progress', { progressToken });

describe('route(), with requests under way,', () => {
  it.each<[string, Envelope, object]>([
    ['a response with a number', response(1), { to: 'answer', exchange: one }],
    ['a response with the same in quotes', response('1'), { to: 'answer', exchange: textOne }],
    ['a response that nobody waits for', response(99), { to: 'nobody', why: 'unknown-id' }],
    ['an error without an id', { kind: 'stray-error' }, { to: 'nobody', why: 'unknown-id' }],
    ['progress with a text', progress('token'), { to: 'stream', exchange: one }],
    ['progress with a number', progress(7), { to: 'stream', exchange: textOne }],
    ['progress with that number in quotes', progress('7'), { to: 'nobody', why: 'unknown-token' }],
    ['progress with a token that nobody gave', progress('other'), { to: 'nobody', why: 'unknown-token' }],
    ['progress with a token of another type', progress({ a: 1 }), { to: 'nobody', why: 'unknown-token' }],
    ['progress with null', progress(null), { to: 'nobody', why: 'unknown-token' }],
    ['progress without parameters', notification('notifications/progress'), { to: 'nobody', why: 'unknown-token' }],
    ['tools/list_changed', notification('notifications/tools/list_changed'), { to: 'get' }],
    ['prompts/list_changed', notification('notifications/prompts/list_changed'), { to: 'get' }],
    ['resources/list_changed', notification('notifications/resources/list_changed'), { to: 'get' }],
    ['resources/updated', notification('notifications/resources/updated', { uri: 'x' }), { to: 'get' }],
    ['a log line', notification('notifications/message', { level: 'info' }), { to: 'stream', exchange: last }],
    ['sampling', sampling, { to: 'stream', exchange: last }],
    ['a cancellation of the server’s', notification('notifications/cancelled'), { to: 'stream', exchange: last }],
    ['something not invented yet', notification('notifications/new/thing'), { to: 'stream', exchange: last }],
    [
      'a request that is named like a change',
      { ...sampling, method: 'x/list_changed' },
      { to: 'stream', exchange: last },
    ],
  ])('%s', (_what, message, destination) => {
    expect(route(message, busy)).toEqual(destination);
  });
});

describe('route(), with nothing under way,', () => {
  it.each<[string, Envelope, object]>([
    ['a response', response(1), { to: 'nobody', why: 'unknown-id' }],
    ['progress', progress('token'), { to: 'nobody', why: 'unknown-token' }],
    ['a log line', notification('notifications/message'), { to: 'get' }],
    ['sampling', sampling, { to: 'get' }],
    ['tools/list_changed', notification('notifications/tools/list_changed'), { to: 'get' }],
  ])('%s', (_what, message, destination) => {
    expect(route(message, idle)).toEqual(destination);
  });
});
