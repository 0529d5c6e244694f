import { beforeEach, describe, expect, it } from '@jest/globals';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import type { Envelope } from '../../src/jsonrpc/message.ts';
import type { Channel, ChannelReceiver } from '../../src/relay/channel.ts';
import { aNotification, aRequest } from '../support/envelopes.ts';
import type { FakeChild } from '../support/fake-engine.ts';
import { settle } from '../support/manual-clock.ts';
import { never, poolRig, type PoolRig } from '../support/pool-rig.ts';

const interval = 15_000;
const initialized = aNotification('notifications/initialized');

let rig: PoolRig;
let channel: Channel;
let child: FakeChild;
let received: Envelope[];

/** What a server reads from now on. */
function heard(): unknown[] {
  return child.received.splice(0).map((line) => JSON.parse(line) as unknown);
}

/** The id of the only thing that the server has read since it was last asked: a ping. */
function pingId(): string {
  const [ping, ...others] = heard() as { id: string; method: string }[];
  expect([ping?.method, others]).toEqual(['ping', []]);
  return ping?.id ?? '';
}

beforeEach(async () => {
  rig = poolRig({ pingIntervalMs: interval }, { onLine: () => undefined });
  channel = (await rig.served.lease(never(), 'client')).upstream;
  child = rig.engine.last;
  received = [];
  const receiver: Pick<ChannelReceiver, 'onMessage'> = {
    onMessage: (message) => {
      received.push(message);
    },
  };
  channel.attach(receiver as ChannelReceiver);
});

/** The client has said `initialized`, and the server read it. */
async function initialize(): Promise<void> {
  channel.send(Bytes.from('{}'), initialized);
  await settle();
  heard();
}

/** Checks at this moment, and lets the server read what follows. */
async function check(isIdle = true): Promise<boolean> {
  const isAlive = channel.isAlive(rig.clock.now(), isIdle);
  await settle();
  return isAlive;
}

describe('OwnChannel.isAlive()', () => {
  it('asks nothing before the client has said that it is initialized', async () => {
    await rig.clock.advance(10 * interval);
    expect([await check(), heard()]).toEqual([true, []]);
  });

  it('asks at once when it is idle for the first time, then after each interval of silence', async () => {
    await initialize();
    expect(await check()).toBe(true);
    child.say({ jsonrpc: '2.0', id: pingId(), result: {} });
    await settle();
    await check();
    await rig.clock.advance(interval - 1);
    await check();
    const before = heard();
    await rig.clock.advance(1);
    await check();
    expect([before, pingId()]).toEqual([[], expect.stringMatching(/^gangway-ping-/)]);
  });

  it('asks nothing while a request is under way', async () => {
    await initialize();
    await rig.clock.advance(10 * interval);
    expect([await check(false), heard()]).toEqual([true, []]);
  });

  it('keeps the answer to itself', async () => {
    await initialize();
    await check();
    const id = pingId();
    child.say({ jsonrpc: '2.0', id, error: { code: -32601, message: 'no' } });
    child.say({ jsonrpc: '2.0', id, result: 'not an answer to a ping any more' });
    await settle();
    expect(received).toHaveLength(1);
  });

  it('never takes an answer to the client for one, whatever ids it uses', async () => {
    await initialize();
    await check();
    expect(pingId()).not.toBe('gangway-ping-1');
    child.say({ jsonrpc: '2.0', id: 'gangway-ping-1', result: {} });
    await settle();
    expect(received).toHaveLength(1);
  });

  it('is false when a server that answered once does not answer for an interval', async () => {
    await initialize();
    await check();
    child.say({ jsonrpc: '2.0', id: pingId(), result: {} });
    await settle();
    await check();
    await rig.clock.advance(interval);
    await check();
    await rig.clock.advance(interval - 1);
    const before = await check();
    await rig.clock.advance(1);
    expect([before, await check()]).toEqual([true, false]);
  });

  it('stays true for a server that does not know pings', async () => {
    await initialize();
    await check();
    await rig.clock.advance(10 * interval);
    expect(await check()).toBe(true);
  });

  it('is false when a server leaves a cancelled request and the ping without a word', async () => {
    await initialize();
    channel.send(Bytes.from('{}'), aRequest(1));
    channel.send(Bytes.from('{}'), aNotification('notifications/cancelled', { requestId: 1 }));
    await check();
    await rig.clock.advance(interval);
    expect(await check()).toBe(false);
  });

  it('stays true while it has another request to work on', async () => {
    await initialize();
    channel.send(Bytes.from('{}'), aNotification('notifications/cancelled', { requestId: 1 }));
    await check(false);
    await rig.clock.advance(10 * interval);
    expect(await check(false)).toBe(true);
  });
});
