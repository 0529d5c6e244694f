import { describe, expect, it } from '@jest/globals';
import type { FakeChild } from '../support/fake-engine.ts';
import { collectGarbage } from '../support/garbage.ts';
import { settle } from '../support/manual-clock.ts';
import { callsOf, everything, modernRig, type ModernRig, type Post } from '../support/modern-rig.ts';
import { linesOf, type Line } from '../support/shared-rig.ts';

const asking = { capabilities: everything };
const accepted = { action: 'accept', content: {} };
/** What a server asks in a gathered round arrives within this time. */
const gatherMs = 10;

function call(rig: ModernRig, name: string, how: object = asking): Promise<Post> {
  return rig.post('tools/call', { name, arguments: {} }, how);
}

/** The call of a tool that a server was sent last. */
function callOf(child: FakeChild, name: string): Line {
  return callsOf(child).findLast(({ params }) => params?.['name'] === name)!;
}

function answer(child: FakeChild, name: string): void {
  child.say({ jsonrpc: '2.0', id: callOf(child, name).id, result: { content: [], for: name } });
}

async function ask(rig: ModernRig, id: string): Promise<void> {
  rig.engine.last.say({ jsonrpc: '2.0', id, method: 'elicitation/create', params: { message: id } });
  await rig.clock.advance(gatherMs);
}

/** Goes on with all that was asked. */
function retry(rig: ModernRig, name: string, { result }: Post, hasInput = true): Promise<Post> {
  const { requestState, inputRequests = {} } = result;
  const inputResponses = Object.fromEntries(Object.keys(inputRequests).map((key) => [key, accepted]));
  const params = { name, arguments: {}, requestState, ...(hasInput && { inputResponses }) };
  return rig.post('tools/call', params, asking);
}

/** What was asked of a client. */
function askedOf({ result }: Post): unknown[] {
  return Object.values(result.inputRequests ?? {}).map(({ params }) => params);
}

/** What the server got as answers to its questions. */
function answersOf(child: FakeChild): Line[] {
  return linesOf(child).filter(({ method }) => method === undefined);
}

/** A tool that is known to ask nothing. */
async function learn(rig: ModernRig, name: string): Promise<void> {
  await call(rig, name);
  answer(rig.engine.last, name);
}

function nothingLeft({ servers, server }: ModernRig): unknown[] {
  return [servers.inFlight, servers.rounds, servers.listening, server.pool.stats().ongoing];
}

describe('A call whose client is back', () => {
  it('is alone until its end, also when a call that might have been asked ends beside it', async () => {
    const rig = await modernRig({ pool: { max: 1 } });
    await learn(rig, 'plain');
    const asked = await call(rig, 'asks');
    await ask(rig, 'first');
    const beside = await call(rig, 'beside');
    const back = await retry(rig, 'asks', asked);
    answer(rig.engine.last, 'beside');
    await settle();
    const late = await call(rig, 'plain');
    await ask(rig, 'second');
    expect([askedOf(back), beside.result['for']]).toEqual([[{ message: 'second' }], 'beside']);
    answer(rig.engine.last, 'plain');
    expect(late.result['for']).toBe('plain');
  });

  it('is asked once for all that came up until then', async () => {
    const rig = await modernRig({ pool: { max: 1 }, inputTimeoutMs: 20_000 });
    await learn(rig, 'plain');
    const asked = await call(rig, 'asks');
    await ask(rig, 'first');
    rig.engine.last.say({ jsonrpc: '2.0', id: 'second', method: 'elicitation/create', params: { message: 'second' } });
    await settle();
    const beside = await call(rig, 'plain');
    const back = await retry(rig, 'asks', asked);
    await rig.clock.advance(gatherMs);
    expect([back.isOver, rig.servers.rounds]).toEqual([false, 0]);
    answer(rig.engine.last, 'plain');
    await settle();
    expect([askedOf(back), rig.servers.rounds, beside.result['for']]).toEqual([[{ message: 'second' }], 1, 'plain']);
    expect(answersOf(rig.engine.last).map(({ id }) => id)).toEqual(['first']);
    const last = await retry(rig, 'asks', back);
    answer(rig.engine.last, 'asks');
    expect([last.result['for'], ...nothingLeft(rig)]).toEqual(['asks', 0, 0, 0, 0]);
  });

  it('without its input has no more time for it than it had', async () => {
    const rig = await modernRig({ pool: { max: 1 }, inputTimeoutMs: 10_000 });
    let asked = await call(rig, 'asks');
    await ask(rig, 'first');
    for (let i = 0; i < 3; i++) {
      await rig.clock.advance(3000);
      asked = await retry(rig, 'asks', asked, false);
      expect(askedOf(asked)).toHaveLength(1);
    }
    await rig.clock.advance(1500);
    expect([rig.servers.rounds, answersOf(rig.engine.last)]).toMatchObject([0, [{ result: { action: 'cancel' } }]]);
    expect((await retry(rig, 'asks', asked)).code).toBe('ROUND_UNKNOWN');
  });

  it('and has answered has all the time again for what is asked next', async () => {
    const rig = await modernRig({ pool: { max: 1 }, inputTimeoutMs: 10_000 });
    const asked = await call(rig, 'asks');
    await ask(rig, 'first');
    await rig.clock.advance(9000);
    const back = await retry(rig, 'asks', asked);
    await ask(rig, 'second');
    await rig.clock.advance(9000);
    const last = await retry(rig, 'asks', back);
    answer(rig.engine.last, 'asks');
    expect(last.result['for']).toBe('asks');
  });
});

describe('A call that must be alone, and waits for a container where a call waits for its client,', () => {
  it('holds nobody up who can do with less', async () => {
    const rig = await modernRig({ pool: { max: 1 } });
    await learn(rig, 'plain');
    const asked = await call(rig, 'asks');
    await ask(rig, 'first');
    answer(rig.engine.last, 'asks');
    await retry(rig, 'asks', asked);
    const thinks = await call(rig, 'asks');
    await ask(rig, 'again');
    const waits = await call(rig, 'asks');
    const plain = await call(rig, 'plain');
    const late = await call(rig, 'plain');
    for (const { id } of callsOf(rig.engine.last).slice(-2))
      rig.engine.last.say({ jsonrpc: '2.0', id, result: { for: 'plain' } });
    expect([plain, late, waits].map(({ result }) => result['for'])).toEqual(['plain', 'plain', undefined]);
    const back = await retry(rig, 'asks', thinks);
    answer(rig.engine.last, 'asks');
    await settle();
    answer(rig.engine.last, 'asks');
    expect([back, waits].map(({ result }) => result['for'])).toEqual(['asks', 'asks']);
    expect(nothingLeft(rig)).toEqual([0, 0, 0, 0]);
  });
});

describe('A call that waits for its client', () => {
  it('does not keep its request', async () => {
    const rig = await modernRig();
    const big = await rig.post('tools/call', { name: 'asks', arguments: { text: 'x'.repeat(1000) } }, asking);
    const kept = new WeakRef(rig.sent.at(-1)!);
    await ask(rig, 'first');
    rig.sent.length = 0;
    await settle();
    collectGarbage();
    expect([big.result.resultType, kept.deref() === undefined]).toEqual(['input_required', true]);
  });

  it('does not keep more than 4 MiB of questions', async () => {
    const rig = await modernRig({ maxLineBytes: 8 * 1024 ** 2 });
    const asked = await call(rig, 'asks');
    for (const id of ['a', 'b', 'c', 'd', 'e'])
      rig.engine.last.say({
        jsonrpc: '2.0',
        id,
        method: 'elicitation/create',
        params: { message: id.repeat(1024 ** 2) },
      });
    await rig.clock.advance(gatherMs);
    expect(askedOf(asked)).toHaveLength(3);
    expect(answersOf(rig.engine.last).map(({ id }) => id)).toEqual(['d', 'e']);
    const back = await retry(rig, 'asks', asked);
    await ask(rig, 'f');
    expect(askedOf(back)).toHaveLength(1);
  });
});

describe('A call in line that nobody knew anything of', () => {
  it('is alone when it is its turn, if its tool has asked somebody else meanwhile', async () => {
    const rig = await modernRig({ pool: { max: 1 } });
    const first = await call(rig, 'asks');
    const next = await call(rig, 'asks');
    await ask(rig, 'first');
    expect(callsOf(rig.engine.last)).toHaveLength(1);
    const back = await retry(rig, 'asks', first);
    answer(rig.engine.last, 'asks');
    await settle();
    await ask(rig, 'next');
    expect([back.result['for'], askedOf(next)]).toEqual(['asks', [{ message: 'next' }]]);
  });
});
