import { beforeEach, describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import { ChannelClient } from '../../src/relay/channel-client.ts';
import { Shares } from '../../src/rest/shares.ts';
import { FakeChannel } from '../support/fake-channel.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

const config = { startTimeoutMs: 1000, callTimeoutMs: 1000, maxCallTimeMs: 1000, maxLineBytes: 1000 };

let clock: ManualClock;
let channels: FakeChannel[];
let shares: Shares;
let error: BridgeError | undefined;

beforeEach(() => {
  clock = new ManualClock();
  channels = [];
  error = undefined;
  shares = new Shares(() => {
    const channel = new FakeChannel();
    channels.push(channel);
    channel.onLine = ({ id, method }) => {
      if (method === 'initialize') channel.says({ id, result: { protocolVersion: '2025-11-25', capabilities: {} } });
    };
    return error ? Promise.reject(error) : ChannelClient.open(channel, { config, clock });
  }, clock);
});

/** A use that lasts until it is ended. */
function use(address: string): { readonly done: Promise<unknown>; end: () => void } {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  return { done: shares.use(address, () => ended).catch((reason: unknown) => reason), end };
}

const isReleased = (): boolean[] => channels.map(({ released }) => released.length > 0);

describe('Shares.use()', () => {
  it('has one share for all calls of an address, and another for another', async () => {
    const all = [use('a'), use('a'), use('b')];
    await settle();
    expect(channels).toHaveLength(2);
    for (const { end } of all) end();
    await Promise.all(all.map(({ done }) => done));
    expect(isReleased()).toEqual([false, false]);
  });

  it('keeps no share that could not be opened', async () => {
    error = new BridgeError('POOL_FULL', 'full');
    expect(await use('a').done).toMatchObject({ code: 'POOL_FULL' });
    error = undefined;
    await shares.use('a', () => Promise.resolve());
    expect(channels).toHaveLength(2);
  });

  it('keeps no share that has ended', async () => {
    await shares.use('a', () => Promise.resolve());
    channels[0]?.ends();
    await settle();
    await shares.use('a', () => Promise.resolve());
    expect(channels).toHaveLength(2);
  });

  it('keeps a hundred: the one that is idle for longest makes room', async () => {
    const busy = use('busy');
    await settle();
    for (let i = 0; i < 100; i++) {
      await clock.advance(1);
      await shares.use(`address ${i}`, () => Promise.resolve());
    }
    await settle();
    expect(isReleased().filter((was) => was)).toHaveLength(1);
    expect(isReleased()[1]).toBe(true);
    busy.end();
  });

  it('ends a share beyond the hundred after its one use when all others are in use', async () => {
    const all = Array.from({ length: 101 }, (_, i) => use(`address ${i}`));
    await settle();
    for (const { end } of all) end();
    await Promise.all(all.map(({ done }) => done));
    await settle();
    expect(isReleased().filter((was) => was)).toHaveLength(1);
    expect(isReleased().at(-1)).toBe(true);
  });
});

describe('Shares.expire()', () => {
  it('ends what nobody has used for a minute', async () => {
    const busy = use('busy');
    await shares.use('idle', () => Promise.resolve());
    await clock.advance(59_999);
    shares.expire(clock.now());
    await settle();
    const before = isReleased();
    await clock.advance(1);
    shares.expire(clock.now());
    await settle();
    expect([before, isReleased()]).toEqual([
      [false, false],
      [false, true],
    ]);
    busy.end();
  });
});

describe('Shares.close()', () => {
  it('ends what nobody uses, and the others afterwards', async () => {
    const busy = use('busy');
    await shares.use('idle', () => Promise.resolve());
    shares.close();
    await settle();
    const before = isReleased();
    busy.end();
    await busy.done;
    await settle();
    expect([before, isReleased()]).toEqual([
      [false, true],
      [true, true],
    ]);
  });
});
