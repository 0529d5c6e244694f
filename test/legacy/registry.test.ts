import { describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { clientLimits, readMessage } from '../../src/jsonrpc/message.ts';
import { SessionRegistry } from '../../src/legacy/registry.ts';
import type { Session } from '../../src/legacy/session.ts';
import { SessionIds } from '../../src/legacy/session-id.ts';
import type { Habit } from '../support/fake-engine.ts';
import type { Reply } from '../../src/relay/reply.ts';
import { aNotification, aRequest } from '../support/envelopes.ts';
import { FakeConnection } from '../support/fake-connection.ts';
import { settle } from '../support/manual-clock.ts';
import { never, poolRig, type PoolRig } from '../support/pool-rig.ts';
import { quietLog, type LogLine } from '../support/quiet-log.ts';

interface Rig extends PoolRig {
  readonly registry: SessionRegistry;
  readonly ids: SessionIds;
  readonly logged: LogLine[];
}

interface Opened {
  readonly reply: FakeConnection;
  id: string;
  error: unknown;
}

const body = Bytes.from('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}');

function rigOf(overrides: Parameters<typeof poolRig>[0] = {}, limit = 100, habit: Habit = {}): Rig {
  const made = poolRig(overrides, habit);
  const ids = new SessionIds('owner');
  const { log, lines } = quietLog();
  const registry = new SessionRegistry(ids, limit, made.clock, log);
  return Object.assign(made, { registry, ids, logged: lines });
}

/** A client that asks for a session. */
function open({ registry, served }: Rig, signal = never()): Opened {
  const request = readMessage(body, clientLimits);
  if (request.kind !== 'request') throw new TypeError('wanted a request');
  const opened: Opened = { reply: new FakeConnection(), id: '', error: undefined };
  const makeReply = (session: Session): Reply => {
    opened.id = session.id;
    return session.replyOn(opened.reply);
  };
  registry.open(served, request, body, makeReply, signal, 'client').catch((error: unknown) => {
    opened.error = error;
  });
  return opened;
}

async function openNow(rig: Rig): Promise<string> {
  const opened = open(rig);
  await settle();
  return opened.id;
}

/** What looking for a session says. */
function find({ registry }: Rig, id: string, server = 'demo'): string {
  try {
    return registry.find(id, server).state;
  } catch (error) {
    if (!(error instanceof BridgeError)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

const initialized = Bytes.from('{"jsonrpc":"2.0","method":"notifications/initialized"}');
const unknown = 'SESSION_UNKNOWN: Session not found (HTTP 404)';

describe('SessionRegistry.open()', () => {
  it('answers the client and opens a session', async () => {
    const rig = rigOf();
    const opened = open(rig);
    await settle();
    expect([opened.reply.jsons.length, find(rig, opened.id)]).toEqual([1, 'open']);
  });

  it('gives each client an id of its own', async () => {
    const rig = rigOf();
    expect(await openNow(rig)).not.toBe(await openNow(rig));
  });

  it('gives each client a container of its own', async () => {
    const rig = rigOf();
    await openNow(rig);
    await openNow(rig);
    expect(rig.engine.live).toHaveLength(2);
  });

  it('ends the session that was abandoned for longest rather than to exceed the limit', async () => {
    const rig = rigOf({}, 2);
    const [first, second] = [await openNow(rig), await openNow(rig)];
    await rig.clock.advance(20_000);
    rig.registry.find(second, 'demo').accept(aNotification('n'), initialized);
    await rig.clock.advance(15_000);
    const third = await openNow(rig);
    expect([find(rig, first), find(rig, second), find(rig, third)]).toEqual([unknown, 'open', 'open']);
  });

  it('throws SESSION_LIMIT beyond the limit', async () => {
    const rig = rigOf({}, 2);
    await openNow(rig);
    await openNow(rig);
    const third = open(rig);
    await settle();
    expect(third.error).toMatchObject({ code: 'SESSION_LIMIT', data: { limit: 2 } });
  });

  it('counts clients that wait for a container towards the limit', async () => {
    const rig = rigOf({ pool: { max: 1 } }, 2);
    open(rig);
    open(rig);
    const third = open(rig);
    await settle();
    expect(third.error).toMatchObject({ code: 'SESSION_LIMIT' });
  });

  it('gives the place of a session that ended to another', async () => {
    const rig = rigOf({}, 1);
    rig.registry.find(await openNow(rig), 'demo').close('deleted');
    expect(find(rig, await openNow(rig))).toBe('open');
  });

  it('gives the place of a client that was refused to another', async () => {
    const rig = rigOf({}, 1);
    rig.startError = new BridgeError('IMAGE_UNAVAILABLE', 'no');
    await openNow(rig);
    rig.startError = undefined;
    expect(find(rig, await openNow(rig))).toBe('open');
  });

  it('throws what the pool throws', async () => {
    const rig = rigOf({ pool: { max: 1, queue: 0 } });
    await openNow(rig);
    const second = open(rig);
    await settle();
    expect(second.error).toMatchObject({ code: 'POOL_FULL' });
  });

  it('throws DRAINING once draining', async () => {
    const rig = rigOf();
    void rig.registry.drain();
    const opened = open(rig);
    await settle();
    expect(opened.error).toMatchObject({ code: 'DRAINING' });
  });

  it('leaves the line with a client that vanished', async () => {
    const rig = rigOf({ pool: { max: 1 } });
    await openNow(rig);
    const abort = new AbortController();
    open(rig, abort.signal);
    abort.abort(new Error('gone'));
    await settle();
    expect([rig.pool.stats().waiting, rig.registry.inFlight]).toEqual([0, 0]);
  });

  it('gives a lease back that came for a client that has just vanished', async () => {
    const rig = rigOf({ pool: { warm: 1 } });
    rig.pool.fill().catch(() => undefined);
    await settle();
    const abort = new AbortController();
    open(rig, abort.signal);
    abort.abort(new Error('gone'));
    await rig.clock.advance(3000);
    expect([rig.registry.size, rig.pool.stats().leased]).toEqual([0, 0]);
  });
});

describe('SessionRegistry.find()', () => {
  it('says the same of an id that is unknown, foreign, tampered with, of another server, or over', async () => {
    const rig = rigOf();
    const id = await openNow(rig);
    const over = await openNow(rig);
    rig.registry.find(over, 'demo').close('idle');
    expect([
      find(rig, 'nonsense'),
      find(rig, new SessionIds('owner').mint('demo', 0)),
      find(rig, `${id}x`),
      find(rig, id, 'other'),
      find(rig, over),
      find(rig, rig.ids.mint('demo', 0)),
    ]).toEqual(Array(6).fill(unknown));
  });

  it('does not find a session whose initialize has no answer yet', async () => {
    const rig = rigOf({}, 10, { onLine: () => undefined });
    expect(find(rig, await openNow(rig))).toBe(unknown);
  });
});

describe('SessionRegistry, with the time,', () => {
  it('ends idle sessions', async () => {
    const rig = rigOf({ pool: { idleTimeoutMs: 5000 } });
    const id = await openNow(rig);
    await rig.clock.advance(5250);
    expect([find(rig, id), rig.registry.size]).toEqual([unknown, 0]);
  });

  it('goes on with the others when one session ends', async () => {
    const rig = rigOf({ pool: { idleTimeoutMs: 5000 } });
    await openNow(rig);
    await openNow(rig);
    await rig.clock.advance(5250);
    expect(rig.registry.size).toBe(0);
  });
});

describe('SessionRegistry.drain()', () => {
  it('resolves at once when nothing is under way', async () => {
    const rig = rigOf();
    await openNow(rig);
    let isQuiet = false;
    void rig.registry.drain().then(() => (isQuiet = true));
    await rig.clock.advance(250);
    expect(isQuiet).toBe(true);
  });

  it('waits for requests under way', async () => {
    const rig = rigOf({}, 10, { onLine: () => undefined });
    await openNow(rig);
    let isQuiet = false;
    void rig.registry.drain().then(() => (isQuiet = true));
    await rig.clock.advance(5000);
    expect(isQuiet).toBe(false);
  });

  it('keeps sessions open', async () => {
    const rig = rigOf();
    const id = await openNow(rig);
    void rig.registry.drain();
    expect(find(rig, id)).toBe('open');
  });

  it('takes no request in them: it could be cut off in the end', async () => {
    const rig = rigOf();
    const session = rig.registry.find(await openNow(rig), 'demo');
    const reply = session.replyOn(new FakeConnection());
    void rig.registry.drain();
    expect(() => {
      session.request(aRequest(2), Bytes.from('{"jsonrpc":"2.0","id":2,"method":"m"}'), reply);
    }).toThrow(expect.objectContaining({ code: 'DRAINING' }));
    expect([session.inFlight, rig.engine.last.received]).toEqual([0, [body.toString()]]);
  });

  it('takes notifications: what is under way may need them', async () => {
    const rig = rigOf();
    const session = rig.registry.find(await openNow(rig), 'demo');
    void rig.registry.drain();
    session.accept(aNotification('n'), initialized);
    await settle();
    expect(rig.engine.last.received).toEqual([body.toString(), initialized.toString()]);
  });
});

describe('SessionRegistry.closeAll()', () => {
  it('ends every session and its container', async () => {
    const rig = rigOf();
    await openNow(rig);
    await openNow(rig);
    rig.registry.closeAll('draining');
    await rig.clock.advance(3000);
    expect([rig.registry.size, rig.engine.live]).toEqual([0, []]);
  });

  it('leaves no timer behind', async () => {
    const rig = rigOf();
    await openNow(rig);
    rig.registry.closeAll('draining');
    rig.pool.drain();
    await rig.clock.advance(3000);
    expect(rig.clock.pending).toBe(0);
  });
});

describe('SessionRegistry.resize()', () => {
  it('opens no more beyond the new limit, and leaves those alone that are open', async () => {
    const rig = rigOf({}, 2);
    const ids = [await openNow(rig), await openNow(rig)];
    rig.registry.resize(1);
    const third = open(rig);
    await settle();
    expect(third.error).toMatchObject({ code: 'SESSION_LIMIT', data: { limit: 1 } });
    expect(ids.map((id) => find(rig, id))).toEqual(['open', 'open']);
  });
});

describe('SessionRegistry', () => {
  it('counts the sessions of a server', async () => {
    const rig = rigOf();
    await openNow(rig);
    expect([rig.registry.count(rig.config).sessions, rig.registry.size]).toEqual([1, 1]);
  });

  it('counts the sessions of an old and a new configuration of one name apart', async () => {
    const rig = rigOf();
    const config = { ...rig.config, args: ['new'] };
    const changed = { ...rig, served: { ...rig.served, config } };
    await openNow(rig);
    await openNow(changed);
    await openNow(changed);
    expect([rig.config, config].map((one) => rig.registry.count(one).sessions)).toEqual([1, 2]);
  });

  it('counts clients in line as requests under way', async () => {
    const rig = rigOf({ pool: { max: 1 } });
    await openNow(rig);
    open(rig);
    await settle();
    expect(rig.registry.inFlight).toBe(1);
  });

  it('never writes a session id into the log', async () => {
    const rig = rigOf();
    const id = await openNow(rig);
    rig.registry.find(id, 'demo').close('deleted');
    expect(rig.logged.length).toBeGreaterThan(0);
    expect(JSON.stringify([rig.logged, rig.lines])).not.toContain(id);
  });
});

describe('SessionRegistry, when a client waits and every container is in use,', () => {
  /** A full pool of two: one session whose client closed its GET stream, one that never had a stream. */
  async function full(): Promise<{ rig: Rig; left: string; quiet: string; get: FakeConnection }> {
    const rig = rigOf({ pool: { warm: 0, max: 2, acquireTimeoutMs: 60_000 } });
    const [left, quiet] = [await openNow(rig), await openNow(rig)];
    const get = new FakeConnection();
    rig.registry.find(left, 'demo').listen(get, undefined);
    return { rig, left, quiet, get };
  }

  it('ends the one whose client closed its last stream two seconds ago', async () => {
    const { rig, left, quiet, get } = await full();
    get.vanish();
    const next = open(rig);
    await rig.clock.advance(1900);
    const before = find(rig, left);
    await rig.clock.advance(500);
    await settle();
    expect([before, find(rig, left), find(rig, quiet), find(rig, next.id)]).toEqual(['open', unknown, 'open', 'open']);
    expect(rig.logged.map(({ reason }) => reason)).toContain('abandoned');
  });

  it('ends the one without a stream after half a minute without a word, and none that listens', async () => {
    const { rig, left, quiet } = await full();
    open(rig);
    await rig.clock.advance(20_000);
    rig.registry.find(quiet, 'demo').accept(aNotification('n'), initialized);
    await rig.clock.advance(29_500);
    const before = find(rig, quiet);
    await rig.clock.advance(1000);
    expect([before, find(rig, quiet), find(rig, left)]).toEqual(['open', unknown, 'open']);
  });

  it('ends no more than there are clients who wait, those first that were left for longest', async () => {
    const { rig, left, quiet, get } = await full();
    await rig.clock.advance(5000);
    get.vanish();
    await rig.clock.advance(31_000);
    open(rig);
    await rig.clock.advance(1000);
    expect([find(rig, left), find(rig, quiet)]).toEqual(['open', unknown]);
  });

  it('ends none of an older configuration of the same name: their containers are not of this pool', async () => {
    const { rig, left, get } = await full();
    get.vanish();
    const changed = rigOf({ pool: { warm: 0, max: 1, acquireTimeoutMs: 60_000 } });
    const now = { ...rig, served: changed.served };
    await openNow(now);
    open(now);
    await rig.clock.advance(20_000);
    expect(find(rig, left)).toBe('open');
  });

  it('ends none while nobody waits', async () => {
    const { rig, left, quiet, get } = await full();
    get.vanish();
    await rig.clock.advance(60_000);
    expect([find(rig, left), find(rig, quiet)]).toEqual(['open', 'open']);
  });
});
