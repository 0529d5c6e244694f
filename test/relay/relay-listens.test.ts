import { describe, expect, it } from '@jest/globals';
import type { FakeChild } from '../support/fake-engine.ts';
import { settle } from '../support/manual-clock.ts';
import {
  discoverResult,
  filledRelay,
  lastId,
  lastWord,
  RelayClient,
  subscribed,
  type RelayRig,
} from '../support/relay-rig.ts';
import { linesOf } from '../support/shared-rig.ts';

const listen = 'subscriptions/listen';
const acknowledged = 'subscriptions/acknowledged';

/** All that can be listened to. */
const all = {
  ...{ toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true },
  resourceSubscriptions: ['file:///a', 'file:///b"'],
};

function say(child: FakeChild, idText: string | number, method: string, more: object = {}): void {
  child.say(subscribed(idText, method, more));
}

/** A client whose subscription is acknowledged. */
async function listening(rig: RelayRig, idText: string, filter: object = all): Promise<RelayClient> {
  const client = new RelayClient(rig);
  client.listen(idText, filter);
  await settle();
  const child = rig.engine.children.find(({ received }) => received.some((line) => line.includes(listen)))!;
  say(child, lastId(child, listen), acknowledged, { notifications: filter });
  await settle();
  return client;
}

/** The containers that have been asked to listen, the oldest first. */
function listened(rig: RelayRig): FakeChild[] {
  return rig.engine.children.filter((child) => linesOf(child, listen).length > 0);
}

describe('RelayListens, a subscription,', () => {
  it.each(['7', '"7"', '7.0'])('is told under the id %s as its client wrote it', async (idText) => {
    const rig = await filledRelay();
    const client = await listening(rig, idText);
    say(rig.engine.last, lastId(rig.engine.last, listen), 'resources/updated', { uri: 'file:///a' });
    await settle();
    expect(client.texts).toEqual([
      subscribed(idText, acknowledged, { notifications: all }),
      subscribed(idText, 'resources/updated', { uri: 'file:///a' }),
    ]);
  });

  it('takes no place of the pool, also when that is full', async () => {
    const rig = await filledRelay({ pool: { max: 1, maxOngoing: 1 } });
    new RelayClient(rig).ask('1');
    new RelayClient(rig).listen('2', all);
    await settle();
    expect([rig.server.pool.stats().ongoing, linesOf(rig.engine.last, listen).length]).toEqual([1, 1]);
  });

  it('keeps a container running, until nobody listens', async () => {
    const scaling = { ...{ target: 10, upscaleDelayMs: 0, downscaleDelayMs: 1000, lookBackMs: 500 }, ...{ upscaleFactor: 1, downscaleFactor: 1 } }; // prettier-ignore
    const rig = await filledRelay({ pool: { min: 0, scaling } });
    const clients = [await listening(rig, '1'), await listening(rig, '2')];
    await rig.clock.advance(60_000);
    await clients[0]?.close();
    await rig.clock.advance(60_000);
    const during = rig.engine.live.length;
    await clients[1]?.close();
    await rig.clock.advance(60_000);
    expect([during, rig.engine.live.length]).toEqual([1, 0]);
  });

  it('waits for a container when none runs', async () => {
    const rig = await filledRelay({ pool: { min: 0 } });
    rig.engine.last.exit();
    await settle();
    new RelayClient(rig).listen('1', all);
    await rig.clock.advance(3000);
    expect(linesOf(rig.engine.last, listen)).toHaveLength(1);
  });

  it('is cancelled on its server when its channel closes, or when its client cancels it', async () => {
    const rig = await filledRelay();
    const [closes, cancels] = [await listening(rig, '1'), await listening(rig, '"1"')];
    await closes.close();
    cancels.cancel('"1"');
    await settle();
    const ids = linesOf(rig.engine.last, listen).map(({ id }) => id);
    const gone = linesOf(rig.engine.last, 'notifications/cancelled').map(({ params }) => params?.['requestId']);
    expect([gone, cancels.methods]).toEqual([ids, ['notifications/subscriptions/acknowledged']]);
  });

  it('shares the containers with others like it', async () => {
    const rig = await filledRelay({ pool: { min: 2 } });
    for (const id of ['1', '2', '3', '4']) new RelayClient(rig).listen(id, all);
    await settle();
    expect(rig.engine.children.map((child) => linesOf(child, listen).length)).toEqual([2, 2]);
  });
});

describe('RelayListens, when its container goes,', () => {
  const news = [
    ...['tools', 'prompts', 'resources'].map((list) => subscribed('"s"', `${list}/list_changed`)),
    ...all.resourceSubscriptions.map((uri) => subscribed('"s"', 'resources/updated', { uri })),
  ];

  it.each<[string, (rig: RelayRig) => void]>([
    [
      'ends',
      (rig) => {
        rig.engine.last.exit({ code: 1, signal: undefined });
      },
    ],
    [
      'is replaced',
      (rig) => {
        rig.server.pool.recycle();
      },
    ],
  ])('because it %s, opens it on another and tells that everything may have changed', async (_how, goes) => {
    const rig = await filledRelay();
    const client = await listening(rig, '"s"');
    goes(rig);
    await rig.clock.advance(5000);
    expect(listened(rig)).toHaveLength(2);
    expect(linesOf(rig.engine.last, listen)).toMatchObject([{ params: { notifications: all } }]);
    const before = client.texts.length;
    const id = lastId(rig.engine.last, listen);
    say(rig.engine.last, id, acknowledged, { notifications: all });
    say(rig.engine.last, id, 'tools/list_changed');
    await settle();
    expect([before, client.texts.slice(1), client.failures]).toEqual([
      ...[1, [...news, subscribed('"s"', 'tools/list_changed')], []],
    ]);
  });

  it('because there are too many, opens it on one that stays', async () => {
    const rig = await filledRelay({ pool: { min: 2 } });
    await listening(rig, '1');
    await listening(rig, '2');
    rig.server.pool.resize({ ...rig.config.pool, min: 1 });
    await rig.clock.advance(1_000_000);
    expect(rig.engine.live).toHaveLength(1);
    const stays = rig.engine.children.find(({ isGone }) => !isGone)!;
    expect(linesOf(stays, listen)).toHaveLength(2);
    const left = rig.engine.children.find(({ isGone }) => isGone)!;
    expect(linesOf(left, 'notifications/cancelled')).toHaveLength(1);
  });

  it('tells of nothing that was not acknowledged', async () => {
    const rig = await filledRelay();
    const client = new RelayClient(rig);
    client.listen('"s"', all);
    await settle();
    say(rig.engine.last, lastId(rig.engine.last, listen), acknowledged, { notifications: { toolsListChanged: true } });
    await settle();
    rig.engine.last.exit();
    await rig.clock.advance(5000);
    say(rig.engine.last, lastId(rig.engine.last, listen), acknowledged, { notifications: all });
    await settle();
    expect(client.texts.slice(1)).toEqual([subscribed('"s"', 'tools/list_changed')]);
  });

  it('before it was acknowledged, passes the first acknowledgement that comes', async () => {
    const rig = await filledRelay();
    const client = new RelayClient(rig);
    client.listen('"s"', all);
    await settle();
    rig.engine.last.exit();
    await rig.clock.advance(5000);
    say(rig.engine.last, lastId(rig.engine.last, listen), acknowledged, { notifications: all });
    await settle();
    expect(client.texts).toEqual([subscribed('"s"', acknowledged, { notifications: all })]);
  });

  it('and no other can be had, is lost', async () => {
    const rig = await filledRelay();
    const client = await listening(rig, '"s"');
    rig.engine.habit = { exits: { code: 1, signal: undefined } };
    rig.engine.last.exit();
    await rig.clock.advance(60_000);
    expect(client.failures).toMatchObject([{ id: 's', error: { code: 'START_FAILED' }, wasSent: true }]);
    expect(client.texts).toHaveLength(1);
  });

  it('however many there are, they wait as one', async () => {
    const rig = await filledRelay({ pool: { max: 1, queue: 1, maxOngoing: 1 } });
    const clients = Array.from({ length: 50 }, () => new RelayClient(rig));
    for (const client of clients) client.listen('1', all);
    await settle();
    rig.engine.last.exit();
    await rig.clock.advance(5000);
    expect(linesOf(rig.engine.last, listen)).toHaveLength(50);
    expect(clients.flatMap(({ failures }) => failures)).toEqual([]);
  });

  it('and its client too meanwhile, is not opened again', async () => {
    const rig = await filledRelay();
    const client = await listening(rig, '"s"');
    rig.engine.habit = { onLine: () => undefined };
    rig.engine.last.exit();
    await settle();
    const before = rig.server.pool.stats().waiting;
    await client.close();
    await settle();
    const late = rig.engine.last;
    late.say({ jsonrpc: '2.0', id: lastId(late, 'server/discover'), result: discoverResult });
    await settle();
    expect([before, rig.server.pool.stats()]).toMatchObject([1, { waiting: 0, ready: 1 }]);
    expect(listened(rig)).toHaveLength(1);
  });
});

describe('RelayListens, when the server ends a subscription,', () => {
  it('passes its own result, once', async () => {
    const rig = await filledRelay();
    const client = await listening(rig, '"s"');
    const id = lastId(rig.engine.last, listen);
    rig.engine.last.say(lastWord(id).replace('"complete"', '"complete" '));
    rig.engine.last.say({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } });
    await settle();
    expect(client.texts.slice(1)).toEqual([lastWord('"s"').replace('"complete"', '"complete" ')]);
  });

  it('makes a result of a cancellation, once', async () => {
    const rig = await filledRelay();
    const client = await listening(rig, '"s"');
    const id = lastId(rig.engine.last, listen);
    rig.engine.last.say({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } });
    rig.engine.last.say(lastWord(id));
    await settle();
    expect(client.texts.slice(1)).toEqual([lastWord('"s"')]);
    rig.engine.last.exit();
    await rig.clock.advance(5000);
    expect(listened(rig)).toHaveLength(1);
  });

  it('passes an error, and fails on an answer that is none', async () => {
    const rig = await filledRelay();
    const [refused, garbled] = [new RelayClient(rig), new RelayClient(rig)];
    refused.listen('1', all);
    garbled.listen('1', all);
    await settle();
    const [first, second] = linesOf(rig.engine.last, listen);
    rig.engine.last.say({ jsonrpc: '2.0', id: first?.id, error: { code: -32_602, message: 'x' } });
    rig.engine.last.say({ jsonrpc: '2.0', id: second?.id, error: {}, result: {} });
    await settle();
    expect([refused.methods, garbled.failures]).toMatchObject([['error'], [{ error: { code: 'UPSTREAM_GARBLED' } }]]);
  });

  it('ends each of them in order when the bridge drains', async () => {
    const rig = await filledRelay({ pool: { min: 2 } });
    const clients = [await listening(rig, '1'), await listening(rig, '"1"')];
    rig.server.pool.drain();
    await rig.clock.advance(5000);
    expect(clients.map(({ texts }) => texts.at(-1))).toEqual([lastWord('1'), lastWord('"1"')]);
    expect([rig.engine.live, clients.flatMap(({ failures }) => failures)]).toEqual([[], []]);
  });

  it('ends those in order that wait for another container when the bridge drains', async () => {
    const rig = await filledRelay();
    const client = await listening(rig, '"s"');
    rig.engine.habit = { onLine: () => undefined };
    rig.engine.last.exit();
    await settle();
    rig.server.pool.drain();
    await settle();
    expect([client.texts.slice(1), client.failures]).toEqual([[lastWord('"s"')], []]);
  });
});
