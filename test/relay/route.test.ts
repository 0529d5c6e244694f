import { describe, expect, it } from '@jest/globals';
import type { Envelope, Id } from '../../src/jsonrpc/message.ts';
import { Exchange } from '../../src/relay/exchange.ts';
import { route, type InFlight } from '../../src/relay/route.ts';
import { aNotification as notification, aRequest, aResponse as response } from '../support/envelopes.ts';
import { FakeReply } from '../support/fake-reply.ts';

const sampling = aRequest(1, { method: 'sampling/createMessage' });

function exchange(id: Id, token?: Id): Exchange {
  return new Exchange(aRequest(id, { progressToken: token }), new FakeReply(), 0, {
    callTimeoutMs: 1000,
    maxCallTimeMs: 1000,
    silentMs: 1000,
  });
}

const one = exchange(1, 'token');
const textOne = exchange('1', 7);
const waiting = exchange('waits for a task');
const last = exchange('last');
const all = [one, textOne, waiting, last];

/** Four requests under way; `last` is the newest, one waits for the task `t`, and `task-token` made a task once. */
const busy: InFlight = {
  byId: (key) => all.find((candidate) => candidate.request.id === key),
  byToken: (key) => all.find((candidate) => candidate.request.progressToken === key),
  byTask: (taskId) => (taskId === 't' ? waiting : undefined),
  isTaskToken: (key) => key === 'task-token',
  newestConnected: () => last,
  newestOpen: () => last,
};
/** The same, but nobody listens; `one` is the newest whose client may come back. */
const cutOff: InFlight = { ...busy, newestConnected: () => undefined, newestOpen: () => one };
const idle: InFlight = {
  byId: () => undefined,
  byToken: () => undefined,
  byTask: () => undefined,
  isTaskToken: () => false,
  newestConnected: () => undefined,
  newestOpen: () => undefined,
};

const progress = (progressToken: Id | undefined, relatedTask?: string): Envelope =>
  notification('notifications/progress', { progressToken, relatedTask });
const logLine = notification('notifications/message');
const listChanged = notification('notifications/tools/list_changed');

const toGet = { to: 'get' };
const unknownId = { to: 'nobody', why: 'unknown-id' };
const unknownToken = { to: 'nobody', why: 'unknown-token' };
const answerOf = (found: Exchange): object => ({ to: 'answer', exchange: found });
const streamOf = (found: Exchange): object => ({ to: 'stream', exchange: found });

describe.each([false, true])('route(), with requests under way (GET open: %p),', (hasGet) => {
  it.each<[string, Envelope, object]>([
    ['a response with a number', response(1), answerOf(one)],
    ['a response with the same in quotes', response('1'), answerOf(textOne)],
    ['a response that nobody waits for', response(99), unknownId],
    ['an error without an id', { kind: 'stray-error' }, unknownId],
    ['progress with a text', progress('token'), streamOf(one)],
    ['progress with a number', progress(7), streamOf(textOne)],
    ['progress with that number in quotes', progress('7'), unknownToken],
    ['progress with a token that nobody gave', progress('other'), unknownToken],
    ['progress without a token', progress(undefined), unknownToken],
    ['progress on a task, with the token of a request under way', progress('token', 't'), streamOf(one)],
    ['progress on a task that is waited for', progress('over', 't'), streamOf(waiting)],
    ['progress on a task that nobody waits for', progress('over', 'u'), toGet],
    ['progress with the token of a request that made a task', progress('task-token'), toGet],
    ['progress with that token, on a task that is waited for', progress('task-token', 't'), streamOf(waiting)],
    ['tools/list_changed', listChanged, toGet],
    ['prompts/list_changed', notification('notifications/prompts/list_changed'), toGet],
    ['resources/list_changed', notification('notifications/resources/list_changed'), toGet],
    ['resources/updated', notification('notifications/resources/updated'), toGet],
    ['tasks/status', notification('notifications/tasks/status'), toGet],
    ['a notification of a task that is waited for', notification('x', { relatedTask: 't' }), streamOf(waiting)],
    ['a log line', logLine, streamOf(last)],
    ['a log line of a task that is waited for', { ...logLine, relatedTask: 't' }, streamOf(waiting)],
    ['a log line of a task that nobody waits for', { ...logLine, relatedTask: 'u' }, toGet],
    ['sampling', sampling, streamOf(last)],
    ['sampling of a task that is waited for', { ...sampling, relatedTask: 't' }, streamOf(waiting)],
    ['sampling of a task that nobody waits for', { ...sampling, relatedTask: 'u' }, toGet],
    ['a cancellation of the server’s', notification('notifications/cancelled'), streamOf(last)],
    ['something not invented yet', notification('notifications/new/thing'), streamOf(last)],
    ['a request that is named like a change', { ...sampling, method: 'x/list_changed' }, streamOf(last)],
  ])('%s', (_what, message, destination) => {
    expect(route(message, busy, hasGet)).toEqual(destination);
  });
});

describe('route(), with requests whose clients are cut off,', () => {
  it.each<[string, Envelope, boolean, object]>([
    ['a response', response(1), true, answerOf(one)],
    ['progress', progress('token'), true, streamOf(one)],
    ['a log line, while GET is open', logLine, true, toGet],
    ['a log line, while nobody listens', logLine, false, streamOf(one)],
    ['sampling, while GET is open', sampling, true, toGet],
    ['sampling, while nobody listens', sampling, false, streamOf(one)],
    ['tools/list_changed, while nobody listens', listChanged, false, toGet],
    ['a log line of a task, while nobody listens', { ...logLine, relatedTask: 't' }, false, streamOf(waiting)],
  ])('%s', (_what, message, hasGet, destination) => {
    expect(route(message, cutOff, hasGet)).toEqual(destination);
  });
});

describe.each([false, true])('route(), with nothing under way (GET open: %p),', (hasGet) => {
  it.each<[string, Envelope, object]>([
    ['a response', response(1), unknownId],
    ['progress', progress('token'), unknownToken],
    ['progress on a task', progress('token', 't'), toGet],
    ['a log line', logLine, toGet],
    ['sampling', sampling, toGet],
    ['tools/list_changed', listChanged, toGet],
  ])('%s', (_what, message, destination) => {
    expect(route(message, idle, hasGet)).toEqual(destination);
  });
});
