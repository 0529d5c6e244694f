import { beforeEach, describe, expect, it } from '@jest/globals';
import type { FakeChild } from '../support/fake-engine.ts';
import { settle } from '../support/manual-clock.ts';
import { filledRelay, lastId, RelayClient, subscribed, type RelayRig } from '../support/relay-rig.ts';
import { linesOf } from '../support/shared-rig.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { TaskOwners } from '../../src/relay/task-owners.ts';
import { SharedUpstream } from '../../src/upstream/shared-upstream.ts';
import { modernWire } from '../../src/upstream/modern-wire.ts';
import { ManualClock } from '../support/manual-clock.ts';

const notFound = (why = ''): object => ({ code: -32_602, message: `Task not found${why}` });

/** A client calls a tool, which becomes a task. @returns the container that has it */
async function makeTask(rig: RelayRig, client: RelayClient, taskId: string, more: object = {}): Promise<FakeChild> {
  const before = rig.engine.children.map((child) => linesOf(child, 'tools/call').length);
  client.ask(JSON.stringify(`call for ${taskId}`));
  await settle();
  const index = rig.engine.children.findIndex((child, i) => linesOf(child, 'tools/call').length > (before[i] ?? 0));
  const owner = rig.engine.children[index]!;
  const result = { resultType: 'task', taskId, status: 'working', ttlMs: null, ...more };
  owner.say({ jsonrpc: '2.0', id: lastId(owner, 'tools/call'), result });
  await settle();
  return owner;
}

/** The owner answers the last poll. */
async function polled(owner: FakeChild, taskId: string, status: string, more: object = {}): Promise<void> {
  const result = { resultType: 'complete', taskId, status, ttlMs: null, ...more };
  owner.say({ jsonrpc: '2.0', id: lastId(owner, 'tasks/get'), result });
  await settle();
}

describe('RelayChannel, a task,', () => {
  it.each(['tasks/get', 'tasks/update', 'tasks/cancel'])(
    'is asked for by %s of the one that has it',
    async (method) => {
      const rig = await filledRelay({ pool: { min: 3 } });
      const owners = new Map<string, FakeChild>();
      const client = new RelayClient(rig);
      for (const taskId of ['a', 'b', 'c']) {
        owners.set(taskId, await makeTask(rig, client, taskId));
        // The others have less to do then.
        client.ask(`"busy ${taskId}"`);
        await settle();
      }
      const other = new RelayClient(rig, 'elsewhere');
      for (const [taskId, owner] of owners) {
        other.ask(JSON.stringify(taskId), method, { taskId });
        await settle();
        expect(linesOf(owner, method).map(({ params }) => params?.['taskId'])).toEqual([taskId]);
      }
      expect(new Set(owners.values()).size).toBeGreaterThan(1);
    },
  );

  it('is asked for also when the pool is full', async () => {
    const rig = await filledRelay({ pool: { max: 1, maxOngoing: 1 } });
    const client = new RelayClient(rig);
    const owner = await makeTask(rig, client, 't');
    client.ask('1');
    client.ask('2', 'tasks/get', { taskId: 't' });
    await settle();
    await polled(owner, 't', 'working');
    expect(client.told.at(-1)).toMatchObject({ id: 2, result: { taskId: 't', status: 'working' } });
    expect(rig.server.pool.stats().ongoing).toBe(1);
  });

  it('that nobody has is not found, at once', async () => {
    const rig = await filledRelay();
    const client = new RelayClient(rig);
    client.ask('1.0', 'tasks/get', { taskId: 'none' });
    expect(client.texts).toEqual(['{"jsonrpc":"2.0","id":1.0,"error":{"code":-32602,"message":"Task not found"}}']);
    await settle();
    expect(linesOf(rig.engine.last, 'tasks/get')).toEqual([]);
  });

  it('without an id is the server’s to refuse', async () => {
    const rig = await filledRelay();
    new RelayClient(rig).ask('1', 'tasks/get', { taskId: 7 });
    await settle();
    expect(linesOf(rig.engine.last, 'tasks/get')).toHaveLength(1);
  });

  it('is nothing to a client that has not said that it knows tasks', async () => {
    const rig = await filledRelay();
    const client = new RelayClient(rig);
    client.ask('1', 'tasks/get', {
      taskId: 'none',
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    });
    expect(client.failures).toMatchObject([{ id: 1, error: { code: 'CAPABILITY_MISSING' }, wasSent: false }]);
  });

  it('is lost with the server that had it', async () => {
    const rig = await filledRelay();
    const client = new RelayClient(rig);
    (await makeTask(rig, client, 't')).exit({ code: 1, signal: undefined });
    await rig.clock.advance(5000);
    client.ask('1', 'tasks/get', { taskId: 't' });
    expect(client.told.at(-1)?.error).toEqual(notFound(': the server that had it has ended'));
    await rig.clock.advance(10 * 60_000);
    client.ask('2', 'tasks/get', { taskId: 't' });
    expect(client.told.at(-1)?.error).toEqual(notFound());
  });

  it('of an id that two servers gave is nobody’s', async () => {
    const rig = await filledRelay({ pool: { min: 2 } });
    const client = new RelayClient(rig);
    const first = await makeTask(rig, client, 't');
    client.ask('"keeps it busy"');
    const second = await makeTask(rig, client, 't');
    expect(second).not.toBe(first);
    client.ask('1', 'tasks/get', { taskId: 't' });
    expect(client.told.at(-1)?.error).toEqual(notFound(': two containers had one of this id'));
  });
});

describe('RelayServer, while a task is not over,', () => {
  /** A pool of one that was recycled: whether the old container is still there. */
  async function recycled(rig: RelayRig, afterMs = 30_000): Promise<boolean> {
    const old = rig.engine.children[0]!;
    rig.server.pool.recycle();
    await rig.clock.advance(afterMs);
    return !old.isGone;
  }

  it('keeps its container, which is still asked for it', async () => {
    const rig = await filledRelay();
    const client = new RelayClient(rig);
    const owner = await makeTask(rig, client, 't');
    expect(await recycled(rig)).toBe(true);
    client.ask('1', 'tasks/get', { taskId: 't' });
    await settle();
    await polled(owner, 't', 'completed');
    expect(client.told.at(-1)).toMatchObject({ id: 1, result: { status: 'completed' } });
    await rig.clock.advance(5000);
    expect(owner.isGone).toBe(true);
  });

  it.each(['completed', 'cancelled', 'failed'])('and lets it go when it is %s', async (status) => {
    const rig = await filledRelay();
    const client = new RelayClient(rig);
    const owner = await makeTask(rig, client, 't');
    client.ask('1', 'tasks/get', { taskId: 't' });
    await settle();
    await polled(owner, 't', status);
    expect(await recycled(rig)).toBe(false);
  });

  it.each(['working', 'input_required'])('and keeps it when it is %s', async (status) => {
    const rig = await filledRelay();
    const client = new RelayClient(rig);
    const owner = await makeTask(rig, client, 't');
    client.ask('1', 'tasks/get', { taskId: 't' });
    await settle();
    await polled(owner, 't', status);
    expect(await recycled(rig)).toBe(true);
  });

  it('and lets it go when a subscription tells that it is over', async () => {
    const rig = await filledRelay({ pool: { min: 2 } });
    const client = new RelayClient(rig);
    client.ask('"makes the other one the next"');
    const owner = await makeTask(rig, client, 't');
    client.listen('"s"', { taskIds: ['t'] });
    await settle();
    const id = lastId(owner, 'subscriptions/listen');
    owner.say(subscribed(id, 'tasks', { taskId: 't', status: 'completed' }));
    await settle();
    expect(client.texts.at(-1)).toBe(subscribed('"s"', 'tasks', { taskId: 't', status: 'completed' }));
    rig.server.pool.recycle();
    await rig.clock.advance(30_000);
    expect(owner.isGone).toBe(true);
  });

  it('keeps the subscriptions to it where they are', async () => {
    const rig = await filledRelay();
    const client = new RelayClient(rig);
    const owner = await makeTask(rig, client, 't');
    client.listen('"s"', { taskIds: ['t'] });
    await settle();
    await recycled(rig);
    expect(linesOf(owner, 'notifications/cancelled')).toEqual([]);
    expect(rig.engine.children.filter((child) => linesOf(child, 'subscriptions/listen').length > 0)).toEqual([owner]);
  });

  it('and lets it go when its time is over, which later answers may move', async () => {
    const rig = await filledRelay();
    const client = new RelayClient(rig);
    const owner = await makeTask(rig, client, 't', { ttlMs: 60_000 });
    await rig.clock.advance(50_000);
    client.ask('1', 'tasks/get', { taskId: 't' });
    await settle();
    await polled(owner, 't', 'working', { ttlMs: 60_000 });
    expect(await recycled(rig, 59_000)).toBe(true);
    await rig.clock.advance(5000);
    expect(owner.isGone).toBe(true);
  });

  it('and lets it go after six times the longest call, however long it is to be kept', async () => {
    const rig = await filledRelay({ maxCallTimeMs: 10_000 });
    const owner = await makeTask(rig, new RelayClient(rig), 't', { ttlMs: 1e12 });
    expect(await recycled(rig, 59_000)).toBe(true);
    await rig.clock.advance(5000);
    expect(owner.isGone).toBe(true);
  });

  it('is not ended with its container when there are too many', async () => {
    const scaling = { ...{ target: 10, upscaleDelayMs: 0, downscaleDelayMs: 1000, lookBackMs: 500 }, ...{ upscaleFactor: 1, downscaleFactor: 1 } }; // prettier-ignore
    const rig = await filledRelay({ pool: { min: 2, scaling } });
    const client = new RelayClient(rig);
    client.ask('"makes the other one the next"');
    const owner = await makeTask(rig, client, 't');
    rig.engine.children[0]?.say({ jsonrpc: '2.0', id: lastId(rig.engine.children[0], 'tools/call'), result: {} });
    rig.server.pool.resize({ ...rig.config.pool, min: 1 });
    await rig.clock.advance(60_000);
    expect([owner.isGone, rig.engine.live.length]).toEqual([false, 1]);
  });

  it('lets others have its room', async () => {
    const rig = await filledRelay({ pool: { max: 1, maxOngoing: 1 } });
    const client = new RelayClient(rig);
    const owner = await makeTask(rig, client, 't');
    client.ask('"next"');
    await settle();
    expect(linesOf(owner, 'tools/call')).toHaveLength(2);
  });
});

describe('TaskOwners', () => {
  let clock: ManualClock;
  let guards: number;
  let tasks: TaskOwners;
  let shared: SharedUpstream;

  beforeEach(() => {
    clock = new ManualClock();
    guards = 0;
    const guard = (): (() => void) => {
      guards += 1;
      let isOver = false;
      return () => {
        if (!isOver) guards -= 1;
        isOver = true;
      };
    };
    tasks = new TaskOwners({ clock, guard, maxGuardMs: 1000 });
    const wire = modernWire({ maxCallTimeMs: 1000, clock });
    shared = new SharedUpstream(new FakeUpstream().asUpstream, { maxLineBytes: 1000, wire });
  });

  const working = { status: 'working', ttlMs: undefined };

  it('remembers the newest 10,000', () => {
    for (let count = 0; count <= 10_000; count++) tasks.add(String(count), shared, working);
    expect([tasks.find('0'), tasks.find('1'), guards]).toEqual([{ lost: undefined }, { owner: shared }, 10_000]);
  });

  it('remembers one for as long as it is said to be kept, also when that is longer than a timer can be', async () => {
    tasks.add('t', shared, { status: 'working', ttlMs: 2 ** 32 });
    await clock.advance(2 ** 32 - 1);
    expect(tasks.find('t')).toEqual({ owner: shared });
    await clock.advance(1);
    expect([tasks.find('t'), clock.pending]).toEqual([{ lost: undefined }, 0]);
  });

  it('remembers one that is over for ten minutes', async () => {
    tasks.add('t', shared, working);
    tasks.onStatus('t', shared, { status: 'failed', ttlMs: undefined });
    expect(guards).toBe(0);
    await clock.advance(10 * 60_000 - 1);
    expect(tasks.find('t')).toEqual({ owner: shared });
    await clock.advance(1);
    expect(tasks.find('t')).toEqual({ lost: undefined });
  });

  it('hears of a task only from the one that has it', () => {
    tasks.add('t', shared, working);
    const wire = modernWire({ maxCallTimeMs: 1000, clock });
    const other = new SharedUpstream(new FakeUpstream().asUpstream, { maxLineBytes: 1000, wire });
    tasks.onStatus('t', other, { status: 'failed', ttlMs: undefined });
    expect(guards).toBe(1);
  });

  it('guards an upstream once for each of its tasks, and not at all when it has ended', () => {
    for (const id of ['a', 'b', 'b']) tasks.add(id, shared, working);
    const before = guards;
    tasks.onEnded(shared);
    expect([before, guards]).toEqual([2, 0]);
  });
});
