import { describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import { ReverseRig } from '../support/reverse-rig.ts';

const initialized = { method: 'notifications/initialized' };
const listed = { toolsListChanged: true, resourcesListChanged: true };
const subscribe = (id: number, uri: string): object => ({ id, method: 'resources/subscribe', params: { uri } });
const unsubscribe = (id: number, uri: string): object => ({ id, method: 'resources/unsubscribe', params: { uri } });
const done = (id: number): object => ({ jsonrpc: '2.0', id, result: {} });
const listens = (rig: ReverseRig): unknown[] =>
  rig.server.sent.flatMap(({ method, params }) =>
    method === 'subscriptions/listen' ? [params?.['notifications']] : [],
  );

/** A client that listens to the changes of lists. */
async function listening(): Promise<ReverseRig> {
  const rig = await ReverseRig.begun();
  rig.sends(initialized);
  rig.acknowledges();
  return rig;
}

describe('After notifications/initialized', () => {
  it('the changes of lists are listened for that the server declares', async () => {
    const rig = await ReverseRig.begun();
    rig.sends(initialized);
    expect(listens(rig)).toEqual([listed]);
    expect(rig.lastMeta).toMatchObject({ 'io.modelcontextprotocol/protocolVersion': '2026-07-28' });
  });

  it('nothing is listened for when it declares none', async () => {
    const rig = await ReverseRig.begun({}, { capabilities: { tools: {} } });
    rig.sends(initialized);
    expect(rig.server.lines).toEqual([]);
  });

  it('a change reaches the client without the tag of 2026-07-28', async () => {
    const rig = await listening();
    rig.tells('notifications/tools/list_changed', rig.last.id);
    rig.tells('notifications/tools/list_changed', rig.last.id, { own: 1 });
    expect(rig.got).toEqual([
      { jsonrpc: '2.0', method: 'notifications/tools/list_changed', params: {} },
      { jsonrpc: '2.0', method: 'notifications/tools/list_changed', params: { own: 1 } },
    ]);
  });

  it('other members of _meta stay as they were written', async () => {
    const rig = await listening();
    const tag = `"io.modelcontextprotocol/subscriptionId":"${String(rig.last.id)}"`;
    rig.server.says(
      `{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"a":1.50,${tag}}}}`,
    );
    expect(rig.lines).toEqual([
      '{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"a":1.50}}}',
    ]);
  });

  it('the client is told nothing of a refusal', async () => {
    const rig = await ReverseRig.begun();
    rig.sends(initialized);
    rig.server.says({ id: rig.last.id, error: { code: -32601, message: 'no' } });
    expect([rig.got, listens(rig)]).toEqual([[], [listed]]);
  });
});

describe('resources/subscribe', () => {
  it('is answered when the server has acknowledged, before the old subscription is cancelled', async () => {
    const rig = await listening();
    const { id: old } = rig.last;
    rig.sends(subscribe(1, 'file:///a'));
    const { id } = rig.last;
    expect([rig.got, listens(rig).at(-1)]).toEqual([[], { ...listed, resourceSubscriptions: ['file:///a'] }]);
    rig.acknowledges();
    expect(rig.last).toMatchObject({ method: 'notifications/cancelled', params: { requestId: old } });
    rig.tells('notifications/resources/updated', id, { uri: 'file:///a' });
    expect(rig.got).toEqual([
      done(1),
      { jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri: 'file:///a' } },
    ]);
  });

  it('leaves nothing to the old subscription', async () => {
    const rig = await listening();
    const { id: old } = rig.last;
    rig.sends(subscribe(1, 'file:///a'));
    rig.tells('notifications/tools/list_changed', old);
    rig.acknowledges();
    rig.tells('notifications/tools/list_changed', old);
    rig.server.says({ id: old, result: { resultType: 'complete' } });
    expect(rig.got).toMatchObject([{ method: 'notifications/tools/list_changed' }, done(1)]);
  });

  it('waits for the one before it', async () => {
    const rig = await listening();
    rig.sends(subscribe(1, 'a:1'));
    const { id } = rig.last;
    rig.sends(subscribe(2, 'a:2'));
    rig.sends(subscribe(3, 'a:3'));
    expect(listens(rig)).toHaveLength(2);
    rig.acknowledges(id);
    expect([rig.got, listens(rig).at(-1)]).toMatchObject([[done(1)], { resourceSubscriptions: ['a:1', 'a:2', 'a:3'] }]);
    rig.acknowledges();
    expect(rig.got).toEqual([done(1), done(2), done(3)]);
  });

  it('that is refused gets the error of the server, and changes nothing', async () => {
    const rig = await listening();
    const { id } = rig.last;
    rig.sends(subscribe(1, 'a:1'));
    rig.server.says({ id: rig.last.id, error: { code: -32602, message: 'no' } });
    expect(rig.got).toEqual([{ jsonrpc: '2.0', id: 1, error: { code: -32602, message: 'no' } }]);
    rig.tells('notifications/tools/list_changed', id);
    rig.sends(subscribe(2, 'a:2'));
    expect([rig.got.length, listens(rig).at(-1)]).toMatchObject([2, { resourceSubscriptions: ['a:2'] }]);
  });

  it('that fails or is garbled fails', async () => {
    const rig = await listening();
    rig.sends(subscribe(1, 'a:1'));
    rig.server.fails(rig.last.id ?? 0, new BridgeError('UPSTREAM_EXITED', 'x'));
    rig.sends(subscribe(2, 'a:2'));
    rig.server.garbles(rig.last.id ?? 0);
    expect(rig.failed).toMatchObject([
      { id: 1, error: { code: 'UPSTREAM_EXITED' } },
      { id: 2, error: { code: 'UPSTREAM_GARBLED' } },
    ]);
  });

  it('is unknown when the server does not offer it', async () => {
    const rig = await ReverseRig.begun({}, { capabilities: { resources: {} } });
    rig.sends(subscribe(1, 'a:1'));
    expect([rig.got, rig.server.lines]).toMatchObject([[{ id: 1, error: { code: -32601 } }], []]);
  });

  it('of nothing is an error', async () => {
    const rig = await listening();
    rig.sends({ id: 1, method: 'resources/subscribe', params: {} });
    expect(rig.got).toMatchObject([{ id: 1, error: { code: -32602 } }]);
  });

  it('that is given up before its turn is not answered', async () => {
    const rig = await listening();
    rig.sends(subscribe(1, 'a:1'));
    const { id } = rig.last;
    rig.sends(subscribe(2, 'a:2'));
    rig.sends({ method: 'notifications/cancelled', params: { requestId: 2 } });
    rig.acknowledges(id);
    expect(rig.got).toEqual([done(1)]);
  });
});

describe('resources/unsubscribe', () => {
  it('listens for what is left', async () => {
    const rig = await listening();
    rig.sends(subscribe(1, 'a:1'));
    rig.acknowledges();
    rig.sends(unsubscribe(2, 'a:1'));
    expect(listens(rig).at(-1)).toEqual(listed);
    rig.acknowledges();
    expect(rig.got).toEqual([done(1), done(2)]);
  });

  it('ends listening when nothing is left', async () => {
    const rig = await ReverseRig.begun({}, { capabilities: { resources: { subscribe: true } } });
    rig.sends(subscribe(1, 'a:1'));
    const { id } = rig.last;
    rig.acknowledges();
    rig.sends(unsubscribe(2, 'a:1'));
    expect(rig.last).toMatchObject({ method: 'notifications/cancelled', params: { requestId: id } });
    expect(rig.got).toEqual([done(1), done(2)]);
  });
});

describe('A subscription that the server ends', () => {
  const endings: [string, (rig: ReverseRig) => void][] = [
    ['with a result', (rig) => { rig.server.says({ id: rig.last.id, result: { resultType: 'complete' } }); }], // prettier-ignore
    ['by cancelling it', (rig) => { rig.server.says({ method: 'notifications/cancelled', params: { requestId: rig.last.id } }); }], // prettier-ignore
    ['by its own end', (rig) => { rig.server.fails(rig.last.id ?? 0, new BridgeError('UPSTREAM_EXITED', 'x')); }], // prettier-ignore
  ];

  it.each(endings)('%s is opened anew, and the client hears nothing of it', async (_how, end) => {
    const rig = await listening();
    end(rig);
    expect([listens(rig), rig.got, rig.failed]).toEqual([[listed, listed], [], []]);
  });

  it('is opened anew 20 times', async () => {
    const rig = await listening();
    for (let i = 0; i < 100; i++) endings[0]?.[1](rig);
    expect(listens(rig)).toHaveLength(21);
  });

  it('before it acknowledges is opened anew for whoever waits, and fails in the end', async () => {
    const rig = await listening();
    rig.sends(subscribe(1, 'a:1'));
    for (let i = 0; i < 100; i++) endings[0]?.[1](rig);
    expect([rig.got, rig.failed]).toMatchObject([[], [{ id: 1 }]]);
  });
});
