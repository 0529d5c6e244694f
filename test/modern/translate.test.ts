import { describe, expect, it } from '@jest/globals';
import { localLease } from '../../src/relay/local-channel.ts';
import type { LocalServer } from '../../src/relay/local-server.ts';
import type { FakeChild } from '../support/fake-engine.ts';
import { settle } from '../support/manual-clock.ts';
import { callsOf, everything, modernRig, type ModernRig, type Post } from '../support/modern-rig.ts';
import { quietLog } from '../support/quiet-log.ts';
import { linesOf, type Line } from '../support/shared-rig.ts';

const serverInfo = 'io.modelcontextprotocol/serverInfo';
const tool = { name: 'ask', arguments: {} };
const asking = { capabilities: everything };
/** What a server asks in a gathered round arrives within this time. */
const gatherMs = 10;

/** Answers the newest call. */
function answer(child: FakeChild, more: object = { result: { content: [] } }): void {
  child.say({ jsonrpc: '2.0', id: callsOf(child).at(-1)!.id, ...more });
}

function ask(child: FakeChild, id: string | number, method = 'elicitation/create', params: object = {}): void {
  child.say({ jsonrpc: '2.0', id, method, params });
}

/** A call whose client has to answer something. */
async function round(rig: ModernRig, how: object = asking): Promise<Post> {
  const post = await rig.post('tools/call', tool, how);
  const child = rig.engine.children.find((each) => callsOf(each).length > 0)!;
  ask(child, 'q', 'elicitation/create', { message: 'Who?', requestedSchema: { type: 'object' } });
  await rig.clock.advance(gatherMs);
  return post;
}

/** Goes on with it. */
function retry(rig: ModernRig, before: Post, responses?: object, how: object = asking): Promise<Post> {
  const { requestState } = before.result;
  return rig.post('tools/call', { ...tool, requestState, ...(responses && { inputResponses: responses }) }, how);
}

/** What the server got as an answer to its question. */
function answersOf(child: FakeChild): Line[] {
  return linesOf(child).filter(({ method }) => method === undefined);
}

function nothingLeft({ servers, server }: ModernRig): unknown[] {
  return [servers.inFlight, servers.rounds, servers.listening, server.pool.stats().ongoing];
}

const accepted = { action: 'accept', content: { name: 'Ada' } };
const oneOf = (post: Post): string => Object.keys(post.result.inputRequests ?? {})[0] ?? '';

describe('A request of 2026-07-28 on a legacy server', () => {
  it('is answered with what the server says, dressed, under the id of the client', async () => {
    const rig = await modernRig();
    const post = await rig.post('tools/call', tool, { id: 'x' });
    answer(rig.engine.last, { result: { content: [{ type: 'text', text: 'hi' }] } });
    expect(post.answer).toEqual({
      jsonrpc: '2.0',
      id: 'x',
      result: {
        resultType: 'complete',
        content: [{ type: 'text', text: 'hi' }],
        _meta: { [serverInfo]: { name: 'fake', version: '1' } },
      },
    });
    expect([post.connection.calls, ...nothingLeft(rig)]).toEqual([['json'], 0, 0, 0, 0]);
  });

  it.each(['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe', 'tasks/get'])(
    'of a method that the revision does not have reaches no server (%s)',
    async (method) => {
      const rig = await modernRig();
      const before = rig.engine.last.received.length;
      expect((await rig.post(method)).code).toBe('METHOD_UNKNOWN');
      expect(rig.engine.last.received.length).toBe(before);
    },
  );

  it('gets progress under its own token, before the answer, and no one else’s', async () => {
    const rig = await modernRig();
    const posts = [await rig.post('tools/call', tool, { progressToken: 't' }), await rig.post('tools/call', tool)];
    const [first] = callsOf(rig.engine.last);
    rig.engine.last.say({
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { progressToken: first!.id, progress: 1 },
    });
    rig.engine.last.say({ jsonrpc: '2.0', id: first!.id, result: {} });
    expect(posts[0]!.told.map(({ method, params }) => [method, params?.['progressToken']])).toEqual([
      ['notifications/progress', 't'],
      [undefined, undefined],
    ]);
    expect(posts[1]!.told).toEqual([]);
  });

  it('gets log messages that it asked for, from the level that it named', async () => {
    const rig = await modernRig();
    const post = await rig.post('tools/call', tool, { logLevel: 'warning' });
    const child = rig.engine.last;
    for (const level of ['info', 'warning', 'error'])
      child.say({ jsonrpc: '2.0', method: 'notifications/message', params: { level, data: level } });
    expect(post.told.map(({ params }) => params?.['level'])).toEqual(['warning', 'error']);
  });

  it('gets none when it asked for none', async () => {
    const rig = await modernRig();
    const post = await rig.post('tools/call', tool);
    rig.engine.last.say({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'error', data: '' } });
    answer(rig.engine.last);
    expect(post.told).toHaveLength(1);
  });

  it('is cancelled when its client goes', async () => {
    const rig = await modernRig();
    const post = await rig.post('tools/call', tool);
    const [call] = callsOf(rig.engine.last);
    post.cut();
    await settle();
    expect(linesOf(rig.engine.last, 'notifications/cancelled')).toMatchObject([{ params: { requestId: call!.id } }]);
    answer(rig.engine.last);
    expect([post.told, ...nothingLeft(rig)]).toEqual([[], 0, 0, 0, 0]);
  });

  it('gets an error when the server ends', async () => {
    const rig = await modernRig();
    const post = await rig.post('tools/call', tool);
    rig.engine.last.exit({ code: 1, signal: undefined });
    await rig.clock.advance(5000);
    expect(post.answer).toMatchObject({ id: 1, error: { data: { gangway: { reason: 'UPSTREAM_EXITED' } } } });
  });

  it('gets an error when it takes too long, and the server is told', async () => {
    const rig = await modernRig({ callTimeoutMs: 1000 });
    const post = await rig.post('tools/call', tool);
    await rig.clock.advance(1500);
    expect(post.answer).toMatchObject({ error: { data: { gangway: { reason: 'CALL_TIMEOUT' } } } });
    expect(linesOf(rig.engine.last, 'notifications/cancelled')).toHaveLength(1);
    expect(nothingLeft(rig)).toEqual([0, 0, 0, 0]);
  });

  it.each([
    [-32_002, -32_602],
    [-32_042, -32_603],
    [-32_021, -32_603],
    [-32_099, -32_603],
    [-32_000, -32_000],
    [-32_601, -32_601],
    [7, 7],
  ])('gets the error %i of the server as %i', async (code, seen) => {
    const rig = await modernRig();
    const post = await rig.post('tools/call', tool);
    answer(rig.engine.last, { error: { code, message: 'No', data: { uri: 'a:b' } } });
    expect(post.answer.error).toEqual({ code: seen, message: 'No', data: { uri: 'a:b' } });
  });

  it('becomes a stream after a silence, so that nothing takes it for dead', async () => {
    const rig = await modernRig();
    const post = await rig.post('tools/call', tool);
    await rig.clock.advance(2250);
    answer(rig.engine.last, { error: { code: -32_601, message: 'No' } });
    expect(post.connection.calls).toEqual(['openStream', 'event', 'end']);
  });
});

describe('A request of 2026-07-28 on a server inside Gangway', () => {
  it('is answered like any other: dressed, in the words of the revision', async () => {
    const rig = await modernRig();
    const { log } = quietLog();
    const inside: LocalServer = {
      info: { name: 'inside', version: '1' },
      capabilities: { tools: {} },
      request: () => Promise.resolve({ tools: [] }),
    };
    const lease = (): ReturnType<ModernRig['served']['lease']> => Promise.resolve(localLease(inside, log));
    Object.assign(rig.served, { modern: { way: 'translate', find: () => Promise.resolve('translate'), lease } });
    const [list, discovery] = [await rig.post('tools/list'), await rig.post('server/discover')];
    const told = { resultType: 'complete', ttlMs: 0, _meta: { [serverInfo]: { name: 'inside', version: '1' } } };
    expect(list.result).toEqual({ ...told, cacheScope: 'private', tools: [] });
    expect(discovery.result).toMatchObject({ ...told, capabilities: { tools: {} } });
  });
});

describe('server/discover on a legacy server', () => {
  it('says what its handshake said, but for tasks', async () => {
    const rig = await modernRig();
    const post = await rig.post('server/discover');
    expect(post.result).toMatchObject({
      ...{ resultType: 'complete', supportedVersions: ['2026-07-28'], ttlMs: 0, cacheScope: 'private' },
      _meta: { [serverInfo]: { name: 'fake', version: '1' } },
    });
    expect(post.result['capabilities']).not.toHaveProperty('tasks');
    expect(nothingLeft(rig)).toEqual([0, 0, 0, 0]);
  });
});

describe('A question of a legacy server', () => {
  it('ends the POST with what is asked, and the answer goes back under its id', async () => {
    const rig = await modernRig();
    const first = await round(rig);
    const key = oneOf(first);
    expect(first.result).toMatchObject({
      resultType: 'input_required',
      requestState: expect.any(String) as unknown,
      inputRequests: {
        [key]: { method: 'elicitation/create', params: { message: 'Who?', requestedSchema: { type: 'object' } } },
      },
    });
    expect([rig.servers.rounds, rig.servers.inFlight]).toEqual([1, 0]);
    const second = await retry(rig, first, { [key]: accepted, other: { action: 'accept' } });
    expect(answersOf(rig.engine.last)).toEqual([{ jsonrpc: '2.0', id: 'q', result: accepted }]);
    expect(callsOf(rig.engine.last)).toHaveLength(1);
    answer(rig.engine.last, { result: { content: [] } });
    expect([second.answer.id, second.result.resultType]).toEqual([2, 'complete']);
    expect(nothingLeft(rig)).toEqual([0, 0, 0, 0]);
  });

  it('waits a moment for others: they are asked together', async () => {
    const rig = await modernRig();
    const post = await rig.post('tools/call', tool, asking);
    ask(rig.engine.last, 1);
    ask(rig.engine.last, 2, 'sampling/createMessage', { messages: [], maxTokens: 1 });
    await rig.clock.advance(gatherMs - 1);
    expect(post.isOver).toBe(false);
    ask(rig.engine.last, 3, 'roots/list');
    await rig.clock.advance(1);
    const requests = Object.values(post.result.inputRequests ?? {});
    expect(requests.map(({ method }) => method)).toEqual([
      'elicitation/create',
      'sampling/createMessage',
      'roots/list',
    ]);
  });

  it('leaves out what the revision does not know', async () => {
    const rig = await modernRig();
    const post = await rig.post('tools/call', tool, asking);
    const params = {
      mode: 'url',
      url: 'https://example.org',
      message: 'm',
      elicitationId: 'e',
      _meta: { progressToken: 1 },
    };
    ask(rig.engine.last, 1, 'elicitation/create', params);
    await rig.clock.advance(gatherMs);
    const [request] = Object.values(post.result.inputRequests ?? {});
    expect(request?.params).toEqual({ mode: 'url', url: 'https://example.org', message: 'm' });
  });

  it('that is left unanswered is asked again, under another state', async () => {
    const rig = await modernRig();
    const first = await round(rig);
    const second = await retry(rig, first, { nobody: accepted });
    expect(Object.keys(second.result.inputRequests ?? {})).toEqual([oneOf(first)]);
    expect(second.result.requestState).not.toBe(first.result.requestState);
    const third = await retry(rig, second, { [oneOf(first)]: accepted });
    answer(rig.engine.last);
    expect(third.result.resultType).toBe('complete');
  });

  it('that follows another one is a round of its own, under another key', async () => {
    const rig = await modernRig();
    const first = await round(rig);
    const second = await retry(rig, first, { [oneOf(first)]: accepted });
    ask(rig.engine.last, 'q2');
    await rig.clock.advance(gatherMs);
    expect(second.result.resultType).toBe('input_required');
    expect(oneOf(second)).not.toBe(oneOf(first));
  });

  it.each([
    ['no object', 5],
    ['a wrong answer', { key: { action: 'maybe' } }],
    ['an answer that is no object', { key: 12_345 }],
  ])('that gets %s waits on, and the same state is still good', async (_what, responses) => {
    const rig = await modernRig();
    const first = await round(rig);
    const key = oneOf(first);
    const named = typeof responses === 'object' ? { [key]: responses.key } : responses;
    expect((await retry(rig, first, named as object)).code).toBe('INPUT_INVALID');
    const again = await retry(rig, first, { [key]: accepted });
    answer(rig.engine.last);
    expect(again.result.resultType).toBe('complete');
  });

  it('is answered once: a state that was used is no good again', async () => {
    const rig = await modernRig();
    const first = await round(rig);
    const responses = { [oneOf(first)]: accepted };
    const [good, replayed] = await Promise.all([retry(rig, first, responses), retry(rig, first, responses)]);
    answer(rig.engine.last);
    expect([good.result.resultType, replayed.code]).toEqual(['complete', 'ROUND_UNKNOWN']);
    expect(answersOf(rig.engine.last)).toHaveLength(1);
  });

  it.each([
    ['another caller', {}, { principal: 'eve' }],
    ['another request', { arguments: { more: 1 } }, {}],
    ['another tool', { name: 'other' }, {}],
  ])('is not answered by %s', async (_who, other, how) => {
    const rig = await modernRig();
    const first = await round(rig);
    const { requestState } = first.result;
    const inputResponses = { [oneOf(first)]: accepted };
    const params = { ...tool, ...other, requestState, inputResponses };
    expect((await rig.post('tools/call', params, { ...asking, ...how })).code).toBe('ROUND_UNKNOWN');
    expect([answersOf(rig.engine.last), rig.servers.rounds]).toEqual([[], 1]);
  });

  it('is cancelled when its client does not come back, and the call ends as the server ends it', async () => {
    const rig = await modernRig({ inputTimeoutMs: 1000 });
    const first = await round(rig);
    await rig.clock.advance(1250);
    expect(answersOf(rig.engine.last)).toEqual([{ jsonrpc: '2.0', id: 'q', result: { action: 'cancel' } }]);
    expect(rig.server.pool.stats().ongoing).toBe(1);
    answer(rig.engine.last);
    expect(nothingLeft(rig)).toEqual([0, 0, 0, 0]);
    expect((await retry(rig, first, { [oneOf(first)]: accepted })).code).toBe('ROUND_UNKNOWN');
  });

  it('of a call that nobody comes back for does not keep it longer than any other', async () => {
    const rig = await modernRig({ inputTimeoutMs: 1000, callTimeoutMs: 2000 });
    await round(rig);
    await rig.clock.advance(3500);
    expect(nothingLeft(rig)).toEqual([0, 0, 0, 0]);
    expect(linesOf(rig.engine.last, 'notifications/cancelled')).toHaveLength(1);
  });

  it('that the server takes back is not asked', async () => {
    const rig = await modernRig();
    const post = await rig.post('tools/call', tool, asking);
    ask(rig.engine.last, 'q');
    rig.engine.last.say({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'q' } });
    await rig.clock.advance(gatherMs);
    expect(post.isOver).toBe(false);
    answer(rig.engine.last);
    expect(post.result.resultType).toBe('complete');
  });

  it('does not keep the answer back that comes without it: the client gets it when it is back', async () => {
    const rig = await modernRig();
    const first = await round(rig);
    answer(rig.engine.last, { result: { content: [{ type: 'text', text: 'anyway' }] } });
    expect(rig.server.pool.stats().ongoing).toBe(0);
    const second = await retry(rig, first, { [oneOf(first)]: accepted });
    expect(second.result).toMatchObject({ content: [{ text: 'anyway' }] });
    expect(answersOf(rig.engine.last)).toMatchObject([{ id: 'q', error: { message: 'The client is gone' } }]);
    expect(nothingLeft(rig)).toEqual([0, 0, 0, 0]);
  });

  it('does not outlive its server: the client learns that when it is back', async () => {
    const rig = await modernRig();
    const first = await round(rig);
    rig.engine.children[0]!.exit({ code: 1, signal: undefined });
    await rig.clock.advance(5000);
    const second = await retry(rig, first, { [oneOf(first)]: accepted });
    expect(second.answer).toMatchObject({ error: { data: { gangway: { reason: 'UPSTREAM_EXITED' } } } });
    expect(nothingLeft(rig)).toEqual([0, 0, 0, 0]);
  });

  it('is refused when too many wait already', async () => {
    const rig = await modernRig({}, undefined, 0);
    const post = await round(rig);
    expect(post.answer).toMatchObject({ error: { data: { gangway: { reason: 'ROUNDS_FULL', retryable: true } } } });
    expect(nothingLeft(rig)).toEqual([0, 0, 0, 0]);
  });

  it('that the client cannot answer is refused, and the call may go on without', async () => {
    const rig = await modernRig();
    const post = await rig.post('tools/call', tool, { capabilities: { roots: {} } });
    ask(rig.engine.last, 1);
    await settle();
    expect(answersOf(rig.engine.last)).toMatchObject([{ id: 1, error: { code: -32_601 } }]);
    answer(rig.engine.last);
    expect(post.result.resultType).toBe('complete');
  });

  it.each([
    ['an error', { error: { code: -32_603, message: 'No' } }],
    ['a result that is one', { result: { content: [], isError: true } }],
  ])('that the client cannot answer is named when the call ends with %s', async (_what, end) => {
    const rig = await modernRig();
    const post = await rig.post('tools/call', tool, { capabilities: { sampling: {} } });
    ask(rig.engine.last, 1, 'elicitation/create', { mode: 'url' });
    answer(rig.engine.last, end);
    expect(post.connection.refusals).toMatchObject([
      { code: 'CAPABILITY_MISSING', message: expect.stringContaining('elicitation') as unknown, idText: '1' },
    ]);
  });

  it('that a server puts as an error is one: the call begins anew when the client is back', async () => {
    const rig = await modernRig();
    const post = await rig.post('tools/call', tool, asking);
    const elicitations = [{ mode: 'url', elicitationId: 'e', url: 'https://example.org', message: 'Log in' }];
    answer(rig.engine.last, { error: { code: -32_042, message: 'Log in first', data: { elicitations } } });
    expect(post.result).toMatchObject({
      resultType: 'input_required',
      inputRequests: {
        'elicitation-1': {
          method: 'elicitation/create',
          params: { mode: 'url', url: 'https://example.org', message: 'Log in' },
        },
      },
    });
    const again = await retry(rig, post, { 'elicitation-1': accepted });
    expect(callsOf(rig.engine.last)).toHaveLength(2);
    answer(rig.engine.last);
    expect(again.result.resultType).toBe('complete');
  });

  it('is put to nobody else: calls that may be asked have a container to themselves', async () => {
    const rig = await modernRig({ pool: { max: 2 } });
    const posts = [await rig.post('tools/call', tool, asking), await rig.post('tools/call', tool, asking)];
    await rig.clock.advance(5000);
    const [one, other] = rig.engine.children;
    expect([callsOf(one!).length, callsOf(other!).length]).toEqual([1, 1]);
    ask(other!, 'q');
    await rig.clock.advance(gatherMs);
    expect(posts.map(({ result }) => result.resultType)).toEqual([undefined, 'input_required']);
  });

  it('lets others use the container while its client thinks, and goes on when these are done', async () => {
    const rig = await modernRig({ pool: { max: 1 } });
    const first = await round(rig);
    const other = await rig.post('tools/call', { name: 'plain' });
    expect(callsOf(rig.engine.last)).toHaveLength(2);
    const second = await retry(rig, first, { [oneOf(first)]: accepted });
    // What the server says now could be about either of them.
    expect(answersOf(rig.engine.last)).toEqual([]);
    const [asked, plain] = callsOf(rig.engine.last);
    rig.engine.last.say({ jsonrpc: '2.0', id: plain!.id, result: {} });
    await settle();
    expect(other.result.resultType).toBe('complete');
    expect(answersOf(rig.engine.last)).toHaveLength(1);
    rig.engine.last.say({ jsonrpc: '2.0', id: asked!.id, result: {} });
    expect(second.result.resultType).toBe('complete');
  });
});

describe('subscriptions/listen on a legacy server', () => {
  const subscribable = { tools: { listChanged: true }, resources: { subscribe: true }, prompts: {} };
  const habit = {
    onLine(line: string, child: FakeChild) {
      const { id, method, params } = JSON.parse(line) as Line;
      const initialized = {
        protocolVersion: '2025-11-25',
        capabilities: subscribable,
        serverInfo: { name: 'f', version: '1' },
      };
      if (method === 'initialize') child.say({ jsonrpc: '2.0', id, result: initialized });
      else if (params?.['uri'] === 'a:no') child.say({ jsonrpc: '2.0', id, error: { code: 1, message: 'No' } });
      else if (id !== undefined) child.say({ jsonrpc: '2.0', id, result: {} });
    },
  };
  const wanted = {
    notifications: {
      ...{ toolsListChanged: true, promptsListChanged: true, resourcesListChanged: false },
      resourceSubscriptions: ['a:b', 'a:no'],
    },
  };
  const tagOf = ({ params }: Line): unknown =>
    (params?.['_meta'] as Record<string, unknown>)['io.modelcontextprotocol/subscriptionId'];

  it('says first to what it listens, under the id of the request', async () => {
    const rig = await modernRig({}, habit);
    const post = await rig.post('subscriptions/listen', wanted, { id: 'l' });
    expect(post.told).toMatchObject([
      {
        method: 'notifications/subscriptions/acknowledged',
        params: { notifications: { toolsListChanged: true, resourceSubscriptions: ['a:b'] } },
      },
    ]);
    expect(post.told.map(tagOf)).toEqual(['l']);
    expect([rig.servers.listening, rig.servers.inFlight, rig.server.pool.stats().ongoing]).toEqual([1, 0, 0]);
  });

  it('passes on what was asked for, and nothing else', async () => {
    const rig = await modernRig({}, habit);
    const post = await rig.post('subscriptions/listen', wanted, { id: 7 });
    const say = (method: string, params: object = {}): void => {
      rig.engine.last.say({ jsonrpc: '2.0', method: `notifications/${method}`, params });
    };
    for (const list of ['tools', 'prompts', 'resources']) say(`${list}/list_changed`);
    for (const uri of ['a:b', 'a:c']) say('resources/updated', { uri });
    say('message', { level: 'error', data: 'x' });
    expect(post.told.slice(1).map((line) => [line.method, line.params?.['uri'], tagOf(line)])).toEqual([
      ['notifications/tools/list_changed', undefined, 7],
      ['notifications/resources/updated', 'a:b', 7],
    ]);
  });

  it('ends with the client, and so does what the server was subscribed to', async () => {
    const rig = await modernRig({}, habit);
    const post = await rig.post('subscriptions/listen', wanted);
    post.cut();
    await settle();
    expect(linesOf(rig.engine.last, 'resources/unsubscribe')).toMatchObject([{ params: { uri: 'a:b' } }]);
    expect(nothingLeft(rig)).toEqual([0, 0, 0, 0]);
  });

  it('ends in order when Gangway does, and a call that waits for its client ends with it', async () => {
    const rig = await modernRig({}, habit);
    const post = await rig.post('subscriptions/listen', wanted, { id: 3 });
    const drained = rig.servers.drain();
    await drained;
    expect(post.answer).toMatchObject({
      id: 3,
      result: { resultType: 'complete', _meta: { 'io.modelcontextprotocol/subscriptionId': 3 } },
    });
    expect([post.isOver, ...nothingLeft(rig)]).toEqual([true, 0, 0, 0, 0]);
    expect((await rig.post('tools/list')).code).toBe('DRAINING');
  });
});

describe('A bridge that drains', () => {
  it('waits for calls, and not for clients', async () => {
    const rig = await modernRig();
    await round(rig);
    const other = await rig.post('tools/call', { name: 'plain' });
    let isDrained = false;
    void rig.servers.drain().then(() => {
      isDrained = true;
    });
    await rig.clock.advance(250);
    expect([rig.servers.rounds, rig.servers.inFlight, isDrained]).toEqual([0, 1, false]);
    answer(rig.engine.last);
    await rig.clock.advance(250);
    expect([other.result.resultType, isDrained]).toEqual(['complete', true]);
  });
});
