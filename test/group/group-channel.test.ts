import { describe, expect, it } from '@jest/globals';
import { settle } from '../support/manual-clock.ts';
import {
  groupRig,
  offering,
  type GroupRig,
  type GroupSession,
  type Line,
  type Offering,
} from '../support/group-rig.ts';

const tool = (name: string): object => ({ name, inputSchema: { type: 'object' } });

/** Two servers, each with two tools. */
function twoServers(offers: Readonly<Record<string, Offering>> = {}): GroupRig {
  const own = { alpha: { tools: [tool('add'), tool('list')] }, beta: { tools: [tool('add')] }, ...offers };
  return groupRig(Object.fromEntries(Object.entries(own).map(([name, offer]) => [name, offering(() => offer)])));
}

async function ask(session: GroupSession, id: string, method: string, params: object = {}): Promise<Line | undefined> {
  await session.say({ jsonrpc: '2.0', id, method, params });
  return session.answerTo(id);
}

const namesOf = (line: Line | undefined, member = 'tools'): unknown[] =>
  ((line?.result as Record<string, { name: string }[]> | undefined)?.[member] ?? []).map(({ name }) => name);

describe('GroupChannel, for initialize,', () => {
  it('answers by itself, and opens no server for the session', async () => {
    const rig = twoServers();
    const session = await rig.join();
    expect(session.answerTo('hello')?.result).toMatchObject({ serverInfo: { name: 'gangway' } });
  });

  it('tells what the servers say of themselves, once that is known', async () => {
    const rig = twoServers({ beta: { tools: [], instructions: 'Add with care.' } });
    await rig.join();
    await settle();
    const session = await rig.join();
    expect((session.answerTo('hello')?.result as { instructions: string }).instructions).toContain(
      '# beta\nAdd with care.',
    );
  });
});

describe('GroupChannel, for lists,', () => {
  it('merges those of all servers, with the name of each before', async () => {
    const session = await twoServers().join();
    expect(namesOf(await ask(session, 'l', 'tools/list'))).toEqual(['alpha__add', 'alpha__list', 'beta__add']);
  });

  it('keeps every byte of an element but its name', async () => {
    const rig = groupRig({
      alpha: {
        onLine: (line, child) => {
          const { id, method } = JSON.parse(line) as Line;
          if (method === 'initialize') offering(() => ({ tools: [] })).onLine?.(line, child);
          else if (method === 'tools/list') {
            child.say(
              `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"tools":[ {"x":1.0e2, "name":"a", "big":12345678901234567890} ]}}`,
            );
          }
        },
      },
    });
    const session = await rig.join();
    await ask(session, 'l', 'tools/list');
    expect(session.texts.at(-1)).toContain('{"x":1.0e2,"name":"alpha__a","big":12345678901234567890}');
  });

  it('does without a server that fails, and says so', async () => {
    const rig = groupRig({
      alpha: offering(() => ({ tools: [tool('add')] })),
      beta: { onLine: () => undefined, exits: { code: 1, signal: undefined } },
    });
    const session = await rig.join();
    await ask(session, 'l', 'tools/list');
    await rig.clock.advance(1000);
    expect(namesOf(session.answerTo('l'))).toEqual(['alpha__add']);
    expect(rig.catalog.describe()).toMatchObject({
      servers: { alpha: { lists: 'fresh' }, beta: { lists: 'unknown' } },
    });
  });

  it('waits a second for a server that says nothing, and no longer', async () => {
    const rig = groupRig({ alpha: offering(() => ({ tools: [tool('add')] })), beta: { onLine: () => undefined } });
    const session = await rig.join();
    await ask(session, 'l', 'tools/list');
    await rig.clock.advance(999);
    const early = session.answerTo('l');
    await rig.clock.advance(1);
    expect([early, namesOf(session.answerTo('l'))]).toEqual([undefined, ['alpha__add']]);
  });

  it('shows what a server said last while it fails', async () => {
    const habit = offering(() => ({ tools: [tool('add')] }));
    const rig = groupRig({ alpha: { ...habit } });
    const session = await rig.join();
    await ask(session, 'l', 'tools/list');
    rig.rigs['alpha']!.startError = new Error('no');
    const [member] = [rig.rigs['alpha']!.served];
    rig.catalog.outdate(member);
    await settle();
    expect(namesOf(await ask(session, 'm', 'tools/list'))).toEqual(['alpha__add']);
    expect(rig.catalog.describe()).toMatchObject({ servers: { alpha: { lists: 'stale', tools: 1 } } });
  });

  it('asks a server that fails again, less and less often, and tells the session when it is there', async () => {
    const rig = groupRig({ alpha: offering(() => ({ tools: [tool('add')] })) });
    let starts = 0;
    rig.rigs['alpha']!.failStart = (count) => {
      starts = count + 1;
      return new Error('no');
    };
    const session = await rig.join();
    expect(namesOf(await ask(session, 'l', 'tools/list'))).toEqual([]);
    for (let seconds = 0; seconds < 60; seconds++) await rig.clock.advance(1000);
    expect(starts).toBeLessThanOrEqual(5);
    rig.rigs['alpha']!.failStart = () => undefined;
    for (let seconds = 0; seconds < 60; seconds++) await rig.clock.advance(1000);
    expect(session.heard.map(({ method }) => method)).toContain('notifications/tools/list_changed');
    expect(namesOf(await ask(session, 'm', 'tools/list'))).toEqual(['alpha__add']);
  });

  it('asks again after five minutes, for a server that does not say that it has changed', async () => {
    let tools = [tool('add')];
    const rig = groupRig({ alpha: offering(() => ({ tools })) });
    const session = await rig.join();
    await ask(session, 'l', 'tools/list');
    tools = [tool('more')];
    await rig.clock.advance(299_000);
    await ask(session, 'm', 'tools/list');
    await settle();
    expect(session.heard.map(({ method }) => method)).not.toContain('notifications/tools/list_changed');
    await rig.clock.advance(2000);
    await ask(session, 'n', 'tools/list');
    await settle();
    expect(session.heard.map(({ method }) => method)).toContain('notifications/tools/list_changed');
  });

  it('takes a list that a server does not know for an empty one, and keeps its others', async () => {
    const rig = groupRig({
      alpha: offering(() => ({ resources: [{ uri: 'a:b', name: 'b' }], unknown: ['resources/templates/list'] })),
    });
    const session = await rig.join();
    expect(namesOf(await ask(session, 'l', 'resources/list'), 'resources')).toEqual(['alpha__b']);
    expect(rig.catalog.describe()).toMatchObject({ servers: { alpha: { lists: 'fresh', templates: 0 } } });
  });

  it('does without a server whose list has no end', async () => {
    const rig = groupRig({
      alpha: offering(() => ({ tools: [tool('add')], isEndless: true })),
      beta: offering(() => ({ tools: [tool('add')] })),
    });
    const session = await rig.join();
    expect(namesOf(await ask(session, 'l', 'tools/list'))).toEqual(['beta__add']);
    const failure = 'Cannot read "tools/list": it has no end within 100 pages and 33554432 bytes';
    expect(rig.catalog.describe()).toMatchObject({ servers: { alpha: { lists: 'unknown', failure } } });
  });

  it('shows the first of two tools that have the same name with the servers’ before it, and says so', async () => {
    const habits = { a: { tools: [tool('b-c')] }, 'a-b': { tools: [tool('c')] } };
    const rig = groupRig(
      Object.fromEntries(Object.entries(habits).map(([name, offer]) => [name, offering(() => offer)])),
      '-',
    );
    const session = await rig.join();
    expect(namesOf(await ask(session, 'l', 'tools/list'))).toEqual(['a-b-c']);
    await ask(session, 'c', 'tools/call', { name: 'a-b-c' });
    const called = Object.entries(rig.rigs).filter(([, { engine }]) =>
      engine.children.some(({ received }) => received.some((line) => line.includes('tools/call'))),
    );
    expect(called.map(([name]) => name)).toEqual(['a']);
    expect(rig.catalog.describe()).toMatchObject({ clashes: ['c of a-b: a-b-c'] });
    expect(rig.lines).toMatchObject([{ level: 40, list: 'tools', clashes: ['c of a-b: a-b-c'] }]);
  });

  it('tells all sessions when a list has changed, after it was read anew', async () => {
    let tools = [tool('add')];
    const rig = groupRig({ alpha: offering(() => ({ tools })) });
    const session = await rig.join();
    await ask(session, 'l', 'tools/list');
    await ask(session, 'c', 'tools/call', { name: 'alpha__add' });
    tools = [tool('add'), tool('more')];
    rig.rigs['alpha']!.engine.last.say({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' });
    await settle();
    expect(session.heard.filter(({ method }) => method === 'notifications/tools/list_changed')).toHaveLength(1);
    expect(namesOf(await ask(session, 'm', 'tools/list'))).toEqual(['alpha__add', 'alpha__more']);
  });

  it('gives long ones in pages', async () => {
    const tools = Array.from({ length: 2500 }, (_, i) => tool(`t${i}`));
    const session = await groupRig({ alpha: offering(() => ({ tools })) }).join();
    const seen: unknown[] = [];
    let cursor: unknown;
    for (const id of ['1', '2', '3']) {
      const page = await ask(session, id, 'tools/list', cursor === undefined ? {} : { cursor });
      seen.push(...namesOf(page));
      cursor = (page?.result as { nextCursor?: string }).nextCursor;
    }
    expect([seen.length, new Set(seen).size, cursor]).toEqual([2500, 2500, undefined]);
  });

  it.each(['1000.else', 'x', '', 7])('refuses the cursor %j, which it never gave', async (cursor) => {
    const session = await twoServers().join();
    expect((await ask(session, 'l', 'tools/list', { cursor }))?.error?.code).toBe(-32602);
  });

  it('leaves out a server that has left the group', async () => {
    const rig = twoServers();
    const session = await rig.join();
    await ask(session, 'l', 'tools/list');
    rig.absent.add('alpha');
    expect(namesOf(await ask(session, 'm', 'tools/list'))).toEqual(['beta__add']);
  });

  it('marks the URI of a resource that two servers have, and only the second one', async () => {
    const resources = [{ uri: 'file:///a', name: 'a' }];
    const rig = twoServers({ alpha: { resources }, beta: { resources } });
    const session = await rig.join();
    expect((await ask(session, 'l', 'resources/list'))?.result).toEqual({
      resources: [
        { uri: 'file:///a', name: 'alpha__a' },
        { uri: 'gangway://beta/file:///a', name: 'beta__a' },
      ],
    });
  });
});

describe('GroupChannel, for calls,', () => {
  it('opens a server when it is first used, with the client’s own initialize', async () => {
    const rig = twoServers();
    const session = await rig.join({ sampling: {} });
    const before = rig.rigs['beta']!.engine.children.length;
    await ask(session, 'c', 'tools/call', { name: 'beta__add', arguments: { a: 1 } });
    const { children } = rig.rigs['beta']!.engine;
    const [hello, initialized, call] = (children.at(-1)?.received ?? []).map((line) => JSON.parse(line) as Line);
    expect(children).toHaveLength(before + 1);
    expect(hello).toMatchObject({ method: 'initialize', params: { capabilities: { sampling: {} } } });
    expect(initialized).toMatchObject({ method: 'notifications/initialized' });
    expect(call).toMatchObject({ id: 'c', params: { name: 'add', arguments: { a: 1 } } });
  });

  it('keeps every byte of the arguments', async () => {
    const rig = twoServers();
    const session = await rig.join();
    await session.say(
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"n":1.50,"t":"\\u00e9"},"name":"alpha__add"}}',
    );
    expect(rig.rigs['alpha']!.engine.last.received.at(-1)).toBe(
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"n":1.50,"t":"\\u00e9"},"name":"add"}}',
    );
  });

  it('uses the same container for all calls of a session, and others for other sessions', async () => {
    const rig = twoServers();
    const [first, second] = [await rig.join(), await rig.join()];
    const before = rig.rigs['alpha']!.engine.children.length;
    for (const [session, id] of [
      [first, '1'],
      [first, '2'],
      [second, '1'],
    ] as const)
      await ask(session, id, 'tools/call', { name: 'alpha__add' });
    const used = rig.rigs['alpha']!.engine.children.slice(before);
    const calls = used.map(({ received }) => received.filter((line) => line.includes('tools/call')).length);
    expect(calls).toEqual([2, 1]);
  });

  it.each(['gamma__add', 'add', 'alpha_add', ''])('refuses %j, which is no server’s', async (name) => {
    const session = await twoServers().join();
    expect((await ask(session, 'c', 'tools/call', { name }))?.error?.code).toBe(-32602);
  });

  it('lets no server answer what another one was asked', async () => {
    const rig = twoServers({
      alpha: { tools: [tool('add')], onRequest: () => undefined },
      beta: { tools: [tool('add')] },
    });
    const session = await rig.join();
    await ask(session, 'b', 'tools/call', { name: 'beta__add' });
    await ask(session, 'victim', 'tools/call', { name: 'alpha__add' });
    rig.rigs['beta']!.engine.last.say({ jsonrpc: '2.0', id: 'victim', result: { forged: true } });
    await settle();
    expect(session.answerTo('victim')).toBeUndefined();
  });

  it('lets no server tell progress of what another one was asked', async () => {
    const rig = twoServers({
      alpha: { tools: [tool('add')], onRequest: () => undefined },
      beta: { tools: [tool('add')] },
    });
    const session = await rig.join();
    await ask(session, 'b', 'tools/call', { name: 'beta__add' });
    await ask(session, 'v', 'tools/call', { name: 'alpha__add', _meta: { progressToken: 't' } });
    const progress = { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 't', progress: 1 } };
    rig.rigs['beta']!.engine.last.say(progress);
    await settle();
    const forged = session.heard.length;
    rig.rigs['alpha']!.engine.last.say(progress);
    await settle();
    expect([forged, session.heard.length - forged]).toEqual([session.heard.length - 1, 1]);
  });

  it('fails what a server that ends was asked, and goes on with the others', async () => {
    const rig = twoServers({
      alpha: { tools: [tool('add')], onRequest: () => undefined },
      beta: { tools: [tool('add')] },
    });
    const session = await rig.join();
    await ask(session, 'lost', 'tools/call', { name: 'alpha__add' });
    rig.rigs['alpha']!.engine.last.exit({ code: 1, signal: undefined });
    await settle();
    expect(session.failures).toEqual([{ id: 'lost', code: 'UPSTREAM_EXITED', wasSent: true }]);
    expect((await ask(session, 'b', 'tools/call', { name: 'beta__add' }))?.result).toBeDefined();
  });

  it('opens a server that has ended anew with the next call', async () => {
    const rig = twoServers();
    const session = await rig.join();
    await ask(session, '1', 'tools/call', { name: 'alpha__add' });
    rig.rigs['alpha']!.engine.last.exit();
    await settle();
    expect((await ask(session, '2', 'tools/call', { name: 'alpha__add' }))?.result).toBeDefined();
  });

  it('answers a call whose server cannot be opened with an error, for the endpoint itself is there', async () => {
    const rig = twoServers();
    const session = await rig.join();
    rig.rigs['alpha']!.startError = new Error('no');
    await ask(session, 'c', 'tools/call', { name: 'alpha__add' });
    expect(session.failures).toMatchObject([{ id: 'c', wasSent: true }]);
  });

  it('passes a cancellation to where the call is', async () => {
    const rig = twoServers({ alpha: { tools: [tool('add')], onRequest: () => undefined } });
    const session = await rig.join();
    await ask(session, 'c', 'tools/call', { name: 'alpha__add' });
    await session.say({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'c' } });
    expect(rig.rigs['alpha']!.engine.last.received.at(-1)).toContain('"requestId":"c"');
  });

  it('never sends what was cancelled before its server was open', async () => {
    const rig = groupRig({ alpha: { onLine: () => undefined } });
    const session = await rig.join();
    await session.say({ jsonrpc: '2.0', id: 'c', method: 'tools/call', params: { name: 'alpha__add' } });
    await session.say({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'c' } });
    await rig.clock.advance(31_000);
    const lines = rig.rigs['alpha']!.engine.children.flatMap(({ received }) => received);
    expect(lines.filter((line) => line.includes('tools/call') || line.includes('cancelled'))).toEqual([]);
  });

  it('gives the container back when the session is over', async () => {
    const rig = twoServers();
    const session = await rig.join();
    await ask(session, 'c', 'tools/call', { name: 'alpha__add' });
    session.channel.close();
    await rig.clock.advance(5000);
    expect(rig.rigs['alpha']!.engine.live).toEqual([]);
  });
});

describe('GroupChannel, for questions of servers,', () => {
  it('tells two servers with the same id apart', async () => {
    const question = (from: string): Offering => ({
      tools: [tool('ask')],
      onRequest: (_request, child) => {
        child.say({ jsonrpc: '2.0', id: 1, method: 'sampling/createMessage', params: { from } });
      },
    });
    const rig = twoServers({ alpha: question('alpha'), beta: question('beta') });
    const session = await rig.join({ sampling: {} });
    await ask(session, 'a', 'tools/call', { name: 'alpha__ask' });
    await ask(session, 'b', 'tools/call', { name: 'beta__ask' });
    const asked = session.heard.filter(({ method }) => method === 'sampling/createMessage');
    for (const { id, params } of asked) await session.say({ jsonrpc: '2.0', id, result: { for: params?.['from'] } });
    const heard = ['alpha', 'beta'].map((name) => JSON.parse(rig.rigs[name]!.engine.last.received.at(-1)!) as Line);
    expect(new Set(asked.map(({ id }) => id)).size).toBe(2);
    expect(heard).toMatchObject([
      { id: 1, result: { for: 'alpha' } },
      { id: 1, result: { for: 'beta' } },
    ]);
  });
});

describe('GroupChannel, for resources,', () => {
  const read = (session: GroupSession, uri: string): Promise<Line | undefined> =>
    ask(session, uri, 'resources/read', { uri });

  it('finds the server by what it lists, by its templates, and by the mark', async () => {
    const rig = twoServers({
      alpha: { resources: [{ uri: 'file:///a', name: 'a' }], templates: [{ uriTemplate: 'page://{id}', name: 'p' }] },
      beta: { resources: [{ uri: 'file:///a', name: 'a' }], templates: [{ uriTemplate: 'page://b/{id}', name: 'p' }] },
    });
    const session = await rig.join();
    await ask(session, 'l', 'resources/list');
    const found = [];
    for (const uri of ['file:///a', 'gangway://beta/file:///a', 'page://x', 'page://b/x'])
      found.push((await read(session, uri))?.result);
    expect(found).toEqual([
      { params: { uri: 'file:///a' } },
      { params: { uri: 'file:///a' } },
      { params: { uri: 'page://x' } },
      { params: { uri: 'page://b/x' } },
    ]);
    const reads = (name: string): number =>
      rig.rigs[name]!.engine.last.received.filter((line) => line.includes('resources/read')).length;
    expect([reads('alpha'), reads('beta')]).toEqual([2, 2]);
  });

  it('takes one that nobody lists for the last server’s that was called', async () => {
    const rig = twoServers({ alpha: { tools: [tool('add')], resources: [{ uri: 'file:///a', name: 'a' }] } });
    const session = await rig.join();
    const before = await read(session, 'link://1');
    await ask(session, 'c', 'tools/call', { name: 'alpha__add' });
    await session.say({ jsonrpc: '2.0', id: 'again', method: 'resources/read', params: { uri: 'link://1' } });
    expect([before?.error?.code, session.answerTo('again')?.result]).toEqual([-32002, { params: { uri: 'link://1' } }]);
  });

  it('tells of updates under the URI that the client knows', async () => {
    const resources = [{ uri: 'file:///a', name: 'a' }];
    const rig = twoServers({ alpha: { resources }, beta: { resources } });
    const session = await rig.join();
    await ask(session, 'l', 'resources/list');
    await ask(session, 's', 'resources/subscribe', { uri: 'gangway://beta/file:///a' });
    const update = { jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri: 'file:///a' } };
    rig.rigs['beta']!.engine.last.say(update);
    await settle();
    expect(session.heard.at(-1)?.params).toEqual({ uri: 'gangway://beta/file:///a' });
  });
});
