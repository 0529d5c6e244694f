import { describe, expect, it } from '@jest/globals';
import { settle } from '../support/manual-clock.ts';
import { callsOf, everything, modernRig, type ModernRig, type Post } from '../support/modern-rig.ts';
import type { FakeChild } from '../support/fake-engine.ts';

const count = 1000;
const asking = { capabilities: everything };
const gatherMs = 10;
const inputTimeoutMs = 60_000;

function tool(i: number): { name: string; arguments: object } {
  return { name: `ask-${i}`, arguments: { i } };
}

/** A server that asks whose number it is, and answers with what it was told. */
function onLine(line: string, child: FakeChild): void {
  const { id, method, params, result } = JSON.parse(line) as {
    readonly id?: string;
    readonly method?: string;
    readonly params?: { readonly arguments?: { readonly i: number }; readonly name?: string };
    readonly result?: object;
  };
  const initialized = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'f', version: '1' } };
  if (method === 'initialize') child.say({ jsonrpc: '2.0', id, result: initialized });
  else if (method === 'tools/call') {
    const message = `number ${params?.arguments?.i}`;
    child.say({ jsonrpc: '2.0', id: 'q', method: 'elicitation/create', params: { message } });
  } else if (method === undefined) {
    // As a process would: not before it was told all that there is to tell.
    queueMicrotask(() => {
      child.say({ jsonrpc: '2.0', id: callsOf(child).at(-1)!.id, result: { content: [], told: result } });
    });
  } else if (id !== undefined) child.say({ jsonrpc: '2.0', id, result: {} });
}

/** What each of them was asked. */
function messages(posts: readonly Post[]): unknown[] {
  return posts.map(({ result }) => result.inputRequests?.['elicitation-1']?.params);
}

function retry(rig: ModernRig, i: number, before: Post): Promise<Post> {
  const { requestState } = before.result;
  const inputResponses = { 'elicitation-1': { action: 'accept', content: { i } } };
  return rig.post('tools/call', { ...tool(i), requestState, inputResponses }, asking);
}

function left({ servers, server }: ModernRig): unknown[] {
  return [
    servers.inFlight,
    servers.rounds,
    servers.listening,
    server.pool.stats().ongoing,
    server.pool.stats().waiting,
  ];
}

describe('A thousand calls that wait for their clients', () => {
  it('get what is theirs, once; the next one is refused, and nothing is left of them', async () => {
    const rig = await modernRig(
      { inputTimeoutMs, pool: { min: count + 1, max: count + 1 } },
      () => ({ onLine }),
      count,
    );
    while (rig.server.pool.stats().ready <= count) await settle();
    const posts: Post[] = [];
    for (let i = 0; i < count; i++) posts.push(await rig.post('tools/call', tool(i), asking));
    await rig.clock.advance(gatherMs);
    expect(messages(posts)).toEqual(posts.map((_post, i) => ({ message: `number ${i}` })));
    expect(left(rig)).toEqual([0, count, 0, count, 0]);

    const beyond = await rig.post('tools/call', tool(count), asking);
    await rig.clock.advance(gatherMs);
    expect(beyond.answer).toMatchObject({ error: { data: { gangway: { reason: 'ROUNDS_FULL' } } } });

    const [answered, replayed] = [posts.slice(0, 333), posts.slice(333, 666)];
    const ends: Post[] = [];
    for (const [i, post] of answered.entries()) ends.push(await retry(rig, i, post));
    // Twice at the same time: one of them is nobody's.
    const twice = await Promise.all(
      replayed.flatMap((post, k) => [retry(rig, 333 + k, post), retry(rig, 333 + k, post)]),
    );
    const toldTo = (post: Post): unknown => post.result['told'];
    expect(ends.map(toldTo)).toEqual(answered.map((_post, i) => ({ action: 'accept', content: { i } })));
    expect(twice.map((post) => post.code ?? toldTo(post))).toEqual(
      replayed.flatMap((_post, k) => [{ action: 'accept', content: { i: 333 + k } }, 'ROUND_UNKNOWN']),
    );
    expect(left(rig)).toEqual([0, count - 666, 0, count - 666, 0]);

    await rig.clock.advance(inputTimeoutMs + 1000);
    await settle();
    expect(left(rig)).toEqual([0, 0, 0, 0, 0]);
    expect((await retry(rig, 700, posts[700]!)).code).toBe('ROUND_UNKNOWN');
    const all = [...posts, beyond, ...ends, ...twice];
    expect(all.filter(({ isOver, told }) => !isOver || told.length > 1)).toEqual([]);
    rig.servers.closeAll();
    rig.server.pool.drain();
    await rig.clock.advance(60_000);
    expect([rig.clock.pending, rig.engine.children.filter(({ isGone }) => !isGone).length]).toEqual([0, 0]);
  }, 120_000);
});
