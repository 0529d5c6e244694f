import { describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import type { ServerConfig } from '../../src/config/config.ts';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { clientLimits, isRefusal, readMessage, type Request } from '../../src/jsonrpc/message.ts';
import { readBatch } from '../../src/legacy/batch.ts';
import { Session } from '../../src/legacy/session.ts';
import type { RetireReason } from '../../src/pool/slot.ts';
import { ownLease } from '../../src/relay/own-channel.ts';
import { startUpstream } from '../../src/upstream/start.ts';
import { FakeEngine, type FakeChild, type Habit } from '../support/fake-engine.ts';
import { FakeConnection } from '../support/fake-connection.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { serverConfig, startContext } from '../support/pool-rig.ts';
import { quietLog, type LogLine } from '../support/quiet-log.ts';

interface Rig {
  readonly clock: ManualClock;
  readonly child: FakeChild;
  readonly session: Session;
  readonly releases: RetireReason[];
  readonly lines: LogLine[];
  /** How often the session said that the server works. */
  proofs: number;
  /** How often the session said that it is closed. */
  closed: number;
  /** The reply to `initialize`. */
  readonly first: FakeConnection;
}

const initialize =
  '{ "jsonrpc":"2.0","id":0,  "method":"initialize","params":{"protocolVersion":"2025-11-25","x":1.0}}';

/** A session whose client has just sent `initialize`; the server says nothing unless its habit says so. */
async function begin(overrides: Partial<ServerConfig> = {}, habit: Habit = {}): Promise<Rig> {
  const clock = new ManualClock();
  const engine = new FakeEngine(clock, { onLine: () => undefined, ...habit });
  const config = { ...serverConfig(), ...overrides };
  const { log, lines } = quietLog();
  const image = { kind: 'image', image: 'x' } as const;
  const upstream = startUpstream(engine, config, image, {
    ...startContext(clock),
    log,
  });
  const releases: RetireReason[] = [];
  const release = (reason: RetireReason): Promise<void> => {
    releases.push(reason);
    return upstream.stop();
  };
  const prove = (): void => {
    rig.proofs += 1;
  };
  const own = { upstream, wasWarm: true, prove, release, [Symbol.asyncDispose]: () => release('session-ended') };
  const lease = ownLease(own, 15_000, clock);
  const first = new FakeConnection();
  const session = new Session(lease, {
    ...{ id: 'id', server: config, clock, log, isDraining: () => false },
    onClosed: () => (rig.closed += 1),
  });
  const rig: Rig = { clock, child: engine.last, session, releases, lines, proofs: 0, closed: 0, first };
  session.begin(envelope(initialize), Bytes.from(initialize), session.replyOn(first));
  await settle();
  return rig;
}

/** An open session of some version; a client of the newest can always come back to a stream. */
async function open(overrides: Partial<ServerConfig> = {}, habit: Habit = {}, version = '2025-06-18'): Promise<Rig> {
  const rig = await begin(overrides, habit);
  rig.child.say(`{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"${version}"}}`);
  await settle();
  rig.child.received.length = 0;
  return rig;
}

function envelope(text: string): Request {
  const message = readMessage(Bytes.from(text), clientLimits);
  if (message.kind !== 'request') throw new TypeError('wanted a request');
  return message;
}

/** A call of the client. */
function call({ session }: Rig, id: string | number, token?: string | number): FakeConnection {
  const meta = token === undefined ? '' : `,"_meta":{"progressToken":${JSON.stringify(token)}}`;
  const text = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":"tools/call","params":{"name":"x"${meta}}}`;
  const reply = new FakeConnection();
  session.request(envelope(text), Bytes.from(text), session.replyOn(reply));
  return reply;
}

/** A notification or response of the client. */
function send({ session }: Rig, text: string): void {
  const message = readMessage(Bytes.from(text), clientLimits);
  if (isRefusal(message) || message.kind === 'request' || message.kind === 'batch') {
    throw new TypeError('wanted a notification or a response');
  }
  session.accept(message, Bytes.from(text));
}

function result(id: string | number, value = 'x'): string {
  return JSON.stringify({ jsonrpc: '2.0', id, result: { value } });
}

function progress(token: string | number, done = 1): string {
  const params = { progressToken: token, progress: done };
  return JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress', params });
}

const elicit = (id: string | number): string =>
  JSON.stringify({ jsonrpc: '2.0', id, method: 'elicitation/create', params: { message: '?' } });
const listChanged = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}';
const logLine = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}';

async function says({ child }: Rig, ...messages: string[]): Promise<void> {
  for (const message of messages) child.say(message);
  await settle();
}

/** Lets time pass as the registry does: a tick every 250 ms. */
async function pass({ clock, session }: Rig, ms: number): Promise<void> {
  for (let rest = ms; rest > 0; rest -= 250) {
    await clock.advance(Math.min(250, rest));
    session.tick(clock.now());
  }
}

describe('Session.begin()', () => {
  it('hands the client’s initialize on, byte for byte', async () => {
    const { child } = await begin();
    expect(child.received).toEqual([initialize]);
  });

  it('hands the server’s answer on, byte for byte', async () => {
    const rig = await begin();
    const odd = '{"result": {"n":1.0,"u":"\\u00e9\u00a0","protocolVersion":"2099-01-01"} ,"id":0,"jsonrpc":"2.0"}';
    await says(rig, odd);
    expect(rig.first.jsons).toEqual([odd]);
  });

  it('opens the session with the answer', async () => {
    expect((await open()).session.state).toBe('open');
  });

  it('answers with a stream when the server says something first', async () => {
    const rig = await begin();
    await says(rig, logLine, result(0));
    expect(rig.first.events).toEqual([logLine, result(0)]);
  });

  it('passes an error answer on and closes the session', async () => {
    const rig = await begin();
    const error = '{"jsonrpc":"2.0","id":0,"error":{"code":-32602,"message":"no"}}';
    await says(rig, error);
    expect([rig.first.jsons, rig.session.state, rig.closed]).toEqual([[error], 'closed', 1]);
  });

  it('ends when the client vanishes before the answer', async () => {
    const rig = await begin();
    rig.first.vanish();
    expect([rig.session.state, rig.releases.length]).toEqual(['closed', 1]);
  });

  it('goes on when the client closes its connection after the answer', async () => {
    const rig = await open();
    rig.first.vanish();
    expect(rig.session.state).toBe('open');
  });

  it('refuses with START_FAILED when the server ends first', async () => {
    const rig = await begin();
    rig.child.stderr.write('no config\n');
    await settle();
    rig.child.exit({ code: 2, signal: undefined });
    await rig.clock.advance(200);
    expect([rig.first.refusals.map(({ code }) => code), rig.releases]).toEqual([['START_FAILED'], ['start-failed']]);
  });

  it('refuses with READY_TIMEOUT after startTimeout', async () => {
    const rig = await begin({ startTimeoutMs: 5000 });
    await pass(rig, 4750);
    const early = rig.first.refusals.length;
    await pass(rig, 250);
    expect([early, rig.first.refusals[0]?.code, rig.releases]).toEqual([0, 'READY_TIMEOUT', ['start-failed']]);
  });

  it('says on the open stream what it cannot say with a status any more', async () => {
    const rig = await begin({ startTimeoutMs: 20_000 });
    await pass(rig, 20_000);
    expect(rig.first.calls).toEqual(['openStream', 'event', 'end']);
  });

  it('refuses with UPSTREAM_GARBLED when the answer is too long', async () => {
    const rig = await begin({ maxLineBytes: 1024 });
    await says(rig, 'x'.repeat(2000));
    expect(rig.first.refusals.map(({ code }) => code)).toEqual(['UPSTREAM_GARBLED']);
  });

  it.each([
    ['a result', result(0)],
    ['an error', '{"jsonrpc":"2.0","id":0,"error":{"code":-32602,"message":"no"}}'],
  ])('says once that the server works when it answers with %s', async (_what, answer) => {
    const rig = await begin();
    await says(rig, logLine);
    const early = rig.proofs;
    await says(rig, answer);
    rig.session.close('deleted');
    expect([early, rig.proofs]).toEqual([0, 1]);
  });

  it.each(['client-vanished', 'start-failed', 'draining'] as const)(
    'says nothing of the kind when it closes before (%s)',
    async (reason) => {
      const rig = await begin();
      rig.session.close(reason);
      expect(rig.proofs).toBe(0);
    },
  );

  it('does not take a start that no client waited for as proof that the server works', async () => {
    const rig = await begin();
    rig.first.vanish();
    expect(rig.releases).not.toEqual(['session-ended']);
  });
});

describe('Session.request()', () => {
  it('passes the answer on as JSON, byte for byte', async () => {
    const rig = await open();
    const reply = call(rig, 1);
    const odd = '{"id":1 ,"jsonrpc":"2.0","result":{"big":12345678901234567890,"s":"\\/\u2028"}}';
    await says(rig, odd);
    expect([reply.calls, reply.jsons]).toEqual([['json'], [odd]]);
  });

  it('tells 1 from "1"', async () => {
    const rig = await open();
    const number = call(rig, 1);
    const text = call(rig, '1');
    await says(rig, result('1', 'text'), result(1, 'number'));
    expect([number.jsons, text.jsons]).toEqual([[result(1, 'number')], [result('1', 'text')]]);
  });

  it('passes answers to their requests, whatever their order', async () => {
    const rig = await open();
    const replies = [1, 2, 3, 4].map((id) => call(rig, id));
    await says(rig, ...[3, 1, 4, 2].map((id) => result(id, `answer ${id}`)));
    expect(replies.map(({ jsons }) => jsons[0])).toEqual([1, 2, 3, 4].map((id) => result(id, `answer ${id}`)));
  });

  it('refuses an id that is in use', async () => {
    const rig = await open();
    call(rig, 1);
    expect(() => call(rig, 1)).toThrow(expect.objectContaining({ code: 'DUPLICATE_ID' }));
  });

  it('refuses a progress token that is in use', async () => {
    const rig = await open();
    call(rig, 1, 't');
    expect(() => call(rig, 2, 't')).toThrow(expect.objectContaining({ code: 'DUPLICATE_ID' }));
  });

  it('tells the token 1 from "1"', async () => {
    const rig = await open();
    call(rig, 1, 1);
    expect(() => call(rig, 2, '1')).not.toThrow();
  });

  it('sends nothing of a duplicate, and answers the first one', async () => {
    const rig = await open();
    const reply = call(rig, 1);
    expect(() => call(rig, 1)).toThrow();
    await says(rig, result(1));
    expect([rig.child.received.length, reply.jsons]).toEqual([1, [result(1)]]);
  });

  it('takes an id again after its answer', async () => {
    const rig = await open();
    call(rig, 1, 't');
    await says(rig, result(1));
    expect(() => call(rig, 1, 't')).not.toThrow();
  });

  it('leaves no trace of a request with a duplicate token', async () => {
    const rig = await open();
    call(rig, 1, 't');
    expect(() => call(rig, 2, 't')).toThrow();
    expect(() => call(rig, 2)).not.toThrow();
  });

  it('refuses a second initialize', async () => {
    const { session } = await open();
    expect(() => {
      session.request(envelope(initialize), Bytes.from(initialize), session.replyOn(new FakeConnection()));
    }).toThrow(expect.objectContaining({ code: 'SESSION_EXISTS' }));
  });

  it('throws UPSTREAM_BUSY when the server does not read, and forgets the request', async () => {
    const rig = await open();
    rig.child.stdin.removeAllListeners('data').pause();
    rig.child.stdin.write('x'.repeat(9 * 1024 * 1024));
    expect(() => call(rig, 1)).toThrow(expect.objectContaining({ code: 'UPSTREAM_BUSY' }));
    expect(rig.session.inFlight).toBe(0);
  });

  it('drops an answer that nobody waits for', async () => {
    const rig = await open();
    const reply = call(rig, 1);
    const get = new FakeConnection();
    rig.session.listen(get, undefined);
    await says(rig, result(99), result('1'));
    expect([reply.calls, get.said]).toEqual([[], []]);
  });

  it('drops a second answer', async () => {
    const rig = await open();
    const reply = call(rig, 1);
    await says(rig, result(1, 'first'), result(1, 'second'));
    expect(reply.jsons).toEqual([result(1, 'first')]);
  });

  it('lets the call of a client that vanished go on', async () => {
    const rig = await open();
    call(rig, 1).vanish();
    await settle();
    expect([rig.session.inFlight, rig.child.received.length]).toEqual([1, 1]);
  });
});

describe('Session, for progress,', () => {
  it('sends it to the stream of its token', async () => {
    const rig = await open();
    const a = call(rig, 1, 'a');
    const b = call(rig, 2, 'b');
    await says(rig, progress('a'), progress('b'), progress('a', 2));
    expect([a.events, b.events]).toEqual([[progress('a'), progress('a', 2)], [progress('b')]]);
  });

  it('sends the last one, right before the answer, to the same stream', async () => {
    const rig = await open();
    const a = call(rig, 1, 'a');
    const b = call(rig, 2, 'b');
    rig.child.stdout.write(`${progress('a', 9)}\n${result(1)}\n${progress('b', 9)}\n${result(2)}\n`);
    await settle();
    expect([a.events, b.events]).toEqual([
      [progress('a', 9), result(1)],
      [progress('b', 9), result(2)],
    ]);
  });

  it('drops what comes after the answer', async () => {
    const rig = await open();
    const a = call(rig, 1, 'a');
    const b = call(rig, 2, 'b');
    await says(rig, result(1), progress('a'));
    expect([a.events, b.events]).toEqual([[], []]);
  });
});

describe('Session, for requests of the server,', () => {
  it('asks on the stream of the newest request', async () => {
    const rig = await open();
    const older = call(rig, 1);
    const newer = call(rig, 2);
    await says(rig, elicit(1));
    expect([older.events, newer.events]).toEqual([[], [elicit(1)]]);
  });

  it('asks on the GET stream when no request is under way', async () => {
    const rig = await open();
    const get = new FakeConnection();
    rig.session.listen(get, undefined);
    await says(rig, elicit('a'));
    expect(get.events).toEqual([elicit('a')]);
  });

  it('asks on the GET stream when the client of the newest request is gone', async () => {
    const rig = await open();
    const get = new FakeConnection();
    rig.session.listen(get, undefined);
    call(rig, 1).vanish();
    await says(rig, elicit('a'));
    expect(get.events).toEqual([elicit('a')]);
  });

  it('does not mistake its id for that of a request of the client', async () => {
    const rig = await open();
    const reply = call(rig, 1);
    await says(rig, elicit(1));
    send(rig, result(1, 'from the client'));
    await says(rig, result(1, 'from the server'));
    expect([rig.child.received.at(-1), reply.events.at(-1)]).toEqual([
      result(1, 'from the client'),
      result(1, 'from the server'),
    ]);
  });

  it('forwards the client’s answer', async () => {
    const rig = await open();
    call(rig, 1);
    await says(rig, elicit('q'));
    send(rig, result('q'));
    await settle();
    expect(rig.child.received.at(-1)).toBe(result('q'));
  });

  it('forwards an error of the client’s', async () => {
    const rig = await open();
    await says(rig, elicit('q'));
    const error = '{"jsonrpc":"2.0","id":"q","error":{"code":-1,"message":"declined"}}';
    send(rig, error);
    await settle();
    expect(rig.child.received).toEqual([error]);
  });

  it('does not forward a second answer', async () => {
    const rig = await open();
    call(rig, 1);
    await says(rig, elicit('q'));
    send(rig, result('q', 'first'));
    send(rig, result('q', 'second'));
    await settle();
    expect(rig.child.received.filter((line) => line.includes('"id":"q"'))).toEqual([result('q', 'first')]);
  });

  it('does not forward an answer to a question that was never asked', async () => {
    const rig = await open();
    send(rig, result('q'));
    send(rig, result(1));
    await settle();
    expect(rig.child.received).toEqual([]);
  });

  it('does not forward an error that belongs to no request', async () => {
    const rig = await open();
    send(rig, '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"?"}}');
    await settle();
    expect(rig.child.received).toEqual([]);
  });

  it('tells the question 1 from "1"', async () => {
    const rig = await open();
    await says(rig, elicit('1'));
    send(rig, result(1));
    await settle();
    expect(rig.child.received).toEqual([]);
  });

  it('gives a call time while its client is asked', async () => {
    const rig = await open({ callTimeoutMs: 2000 });
    const reply = call(rig, 1);
    await says(rig, elicit('q'));
    await pass(rig, 10_000);
    expect(reply.isOpen).toBe(true);
  });
});

describe('Session, with a server that asks without end,', () => {
  it('forgets the oldest questions', async () => {
    const rig = await open();
    for (let id = 0; id <= 1000; id++) rig.child.say(elicit(id));
    await settle();
    send(rig, result(0));
    await settle();
    expect(rig.child.received).toEqual([]);
  });
});

describe('Session, for other messages of the server,', () => {
  it('sends a log line to the newest request', async () => {
    const rig = await open();
    const reply = call(rig, 1);
    await says(rig, logLine);
    expect(reply.events).toEqual([logLine]);
  });

  it('sends a message to one stream only', async () => {
    const rig = await open();
    const streams = [new FakeConnection(), new FakeConnection()];
    for (const stream of streams) rig.session.listen(stream, undefined);
    const reply = call(rig, 1);
    await says(rig, logLine, listChanged);
    expect([reply.events, ...streams.map(({ events }) => events)]).toEqual([[logLine], [], [listChanged]]);
  });

  it('sends list_changed to GET, also while a request is under way', async () => {
    const rig = await open();
    const get = new FakeConnection();
    rig.session.listen(get, undefined);
    const reply = call(rig, 1);
    await says(rig, listChanged);
    expect([get.events, reply.events]).toEqual([[listChanged], []]);
  });

  it('keeps list_changed until a GET stream opens', async () => {
    const rig = await open();
    await says(rig, listChanged, logLine);
    const get = new FakeConnection();
    rig.session.listen(get, undefined);
    expect(get.events).toEqual([listChanged, logLine]);
  });
});

describe('Session, for notifications/cancelled,', () => {
  const cancelled = (id: string | number): string =>
    `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${JSON.stringify(id)}}}`;

  it('forwards it', async () => {
    const rig = await open();
    call(rig, 1);
    send(rig, cancelled(1));
    await settle();
    expect(rig.child.received.at(-1)).toBe(cancelled(1));
  });

  it('closes the stream of the request', async () => {
    const rig = await open();
    const reply = call(rig, 1);
    send(rig, cancelled(1));
    expect(reply.calls).toEqual(['openStream', 'end']);
  });

  it('drops the late answer', async () => {
    const rig = await open();
    const reply = call(rig, 1);
    send(rig, cancelled(1));
    await says(rig, result(1));
    expect([reply.jsons, reply.events]).toEqual([[], []]);
  });

  it('closes the request of just that id', async () => {
    const rig = await open();
    const number = call(rig, 1);
    const text = call(rig, '1');
    send(rig, cancelled('1'));
    expect([number.isOpen, text.isOpen]).toEqual([true, false]);
  });

  it('is forwarded also when nothing of that id is under way', async () => {
    const rig = await open();
    send(rig, cancelled(77));
    await settle();
    expect(rig.child.received).toEqual([cancelled(77)]);
  });
});

describe('Session.tick()', () => {
  it('makes a stream of an answer after 10 s', async () => {
    const rig = await open();
    const reply = call(rig, 1);
    await pass(rig, 10_000);
    expect(reply.calls).toEqual(['openStream']);
  });

  it('ends an idle session', async () => {
    const rig = await open({ pool: serverConfig({ pool: { idleTimeoutMs: 5000 } }).pool });
    await pass(rig, 4750);
    const early = rig.session.state;
    await pass(rig, 250);
    expect([early, rig.session.state]).toEqual(['open', 'closed']);
  });

  it('is not kept from it by an open GET stream', async () => {
    const rig = await open({ pool: serverConfig({ pool: { idleTimeoutMs: 5000 } }).pool });
    const get = new FakeConnection();
    rig.session.listen(get, undefined);
    await pass(rig, 5000);
    expect([rig.session.state, get.isOpen]).toEqual(['closed', false]);
  });

  it('is kept from it by a call under way', async () => {
    const rig = await open({ pool: serverConfig({ pool: { idleTimeoutMs: 5000 } }).pool });
    call(rig, 1);
    await pass(rig, 20_000);
    expect(rig.session.state).toBe('open');
  });

  it('counts idle time from the end of a call', async () => {
    const rig = await open({ pool: serverConfig({ pool: { idleTimeoutMs: 5000 } }).pool });
    call(rig, 1);
    await pass(rig, 20_000);
    await says(rig, result(1));
    await pass(rig, 4750);
    expect(rig.session.state).toBe('open');
  });

  it('counts idle time from a time-out of a call, too', async () => {
    const pool = serverConfig({ pool: { idleTimeoutMs: 5000 } }).pool;
    const rig = await open({ pool, callTimeoutMs: 10_000 });
    call(rig, 1);
    await pass(rig, 11_000);
    expect(rig.session.state).toBe('open');
  });

  it('counts idle time from the death of a shared container under a call, too', async () => {
    const rig = await open({ pool: serverConfig({ pool: { idleTimeoutMs: 5000 } }).pool });
    call(rig, 1);
    await pass(rig, 20_000);
    rig.session.onFailed(1, new BridgeError('UPSTREAM_EXITED', 'It ended'), true);
    await pass(rig, 4750);
    expect(rig.session.state).toBe('open');
  });

  it('counts a notification of the client as a sign of life', async () => {
    const rig = await open({ pool: serverConfig({ pool: { idleTimeoutMs: 5000 } }).pool });
    await pass(rig, 4000);
    send(rig, '{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}');
    await pass(rig, 4000);
    expect(rig.session.state).toBe('open');
  });

  it('ends a session at maxAge, whatever is under way', async () => {
    const rig = await open({ pool: serverConfig({ pool: { maxAgeMs: 8000 } }).pool });
    const reply = call(rig, 1);
    await pass(rig, 8000);
    expect([rig.session.state, reply.answer]).toMatchObject([
      'closed',
      { error: { data: { gangway: { reason: 'SESSION_UNKNOWN' } } } },
    ]);
  });

  it('answers a call that takes too long with CALL_TIMEOUT', async () => {
    const rig = await open({ callTimeoutMs: 3000 });
    const reply = call(rig, 'x');
    await pass(rig, 3000);
    expect(reply.answer).toMatchObject({ id: 'x', error: { data: { gangway: { reason: 'CALL_TIMEOUT' } } } });
  });

  it('cancels such a call upstream', async () => {
    const rig = await open({ callTimeoutMs: 3000 });
    call(rig, 'x');
    await pass(rig, 3000);
    await settle();
    expect(JSON.parse(rig.child.received.at(-1) ?? '')).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 'x', reason: 'timeout' },
    });
  });

  it('drops the answer to such a call', async () => {
    const rig = await open({ callTimeoutMs: 3000 });
    const reply = call(rig, 1);
    await pass(rig, 3000);
    await says(rig, result(1));
    expect(reply.jsons).toHaveLength(1);
  });

  it('gives a call that makes progress more time', async () => {
    const rig = await open({ callTimeoutMs: 3000 });
    const reply = call(rig, 1, 't');
    for (let i = 0; i < 5; i++) {
      await pass(rig, 2000);
      await says(rig, progress('t', i));
    }
    expect(reply.isOpen).toBe(true);
  });

  it('but not more than maxCallTime', async () => {
    const rig = await open({ callTimeoutMs: 3000, maxCallTimeMs: 8000 });
    const reply = call(rig, 1, 't');
    for (let i = 0; i < 4; i++) {
      await pass(rig, 2000);
      await says(rig, progress('t', i));
    }
    expect(reply.isOpen).toBe(false);
  });
});

describe('Session, when the server ends,', () => {
  async function die(): Promise<{ rig: Rig; replies: FakeConnection[]; get: FakeConnection }> {
    const rig = await open();
    const replies = [call(rig, 1), call(rig, '1'), call(rig, 2, 't')];
    const get = new FakeConnection();
    rig.session.listen(get, undefined);
    await says(rig, progress('t'));
    rig.child.stderr.write('panic: out of cheese\n');
    await settle();
    rig.child.exit({ code: 139, signal: undefined });
    await rig.clock.advance(200);
    return { rig, replies, get };
  }

  it('answers every pending request under its own id', async () => {
    const { replies } = await die();
    const answers = replies.map(({ jsons, events }) => JSON.parse(jsons[0] ?? events.at(-1) ?? '') as { id: unknown });
    expect(answers.map(({ id }) => id)).toEqual([1, '1', 2]);
  });

  it('tells each how it ended', async () => {
    const { replies } = await die();
    expect(replies[0]?.answer).toMatchObject({
      error: {
        code: -32603,
        data: {
          gangway: {
            reason: 'UPSTREAM_EXITED',
            retryable: true,
            exitCode: 139,
            stderr: ['panic: out of cheese'],
          },
        },
      },
    });
  });

  it('passes an answer that it gave just before', async () => {
    const rig = await open();
    const reply = call(rig, 1);
    rig.child.say(result(1));
    rig.child.exit();
    await rig.clock.advance(200);
    expect(reply.jsons).toEqual([result(1)]);
  });

  it('ends the GET streams', async () => {
    expect((await die()).get.isOpen).toBe(false);
  });

  it('is closed, once', async () => {
    const { rig } = await die();
    expect([rig.session.state, rig.closed, rig.releases.length]).toEqual(['closed', 1, 1]);
  });

  it('answers with UPSTREAM_GARBLED when a line was too long', async () => {
    const rig = await open({ maxLineBytes: 1024 });
    const reply = call(rig, 1);
    await says(rig, 'x'.repeat(3000));
    expect(reply.answer).toMatchObject({ id: 1, error: { data: { gangway: { reason: 'UPSTREAM_GARBLED' } } } });
  });
});

describe('Session, in the version 2025-11-25,', () => {
  const openNewest = (overrides: Partial<ServerConfig> = {}): Promise<Rig> => open(overrides, {}, '2025-11-25');

  it('makes a stream of an answer after 1 s, which begins with an id', async () => {
    const rig = await openNewest();
    const reply = call(rig, 1);
    await pass(rig, 750);
    const early = [...reply.calls];
    await pass(rig, 250);
    expect([early, reply.calls, reply.ids]).toEqual([[], ['openStream', 'prime 1000'], ['1-0']]);
  });

  it('gives the answer to a client that was cut off and comes back', async () => {
    const rig = await openNewest();
    const reply = call(rig, 1);
    await pass(rig, 1000);
    reply.vanish();
    await says(rig, result(1));
    const again = new FakeConnection();
    rig.session.listen(again, '1-0');
    expect([again.events, again.ids, again.isOpen]).toEqual([[result(1)], ['1-0', '1-1'], false]);
  });

  it('takes a client that comes back for a call on with it live', async () => {
    const rig = await openNewest();
    const reply = call(rig, 1, 't');
    await says(rig, progress('t', 1));
    reply.vanish();
    await says(rig, progress('t', 2));
    const again = new FakeConnection();
    rig.session.listen(again, '1-1');
    await says(rig, progress('t', 3), result(1));
    expect([reply.events, again.events]).toEqual([[progress('t', 1)], [progress('t', 2), progress('t', 3), result(1)]]);
  });

  it('asks on the stream of a client that was cut off when nobody listens, and gives it when it comes back', async () => {
    const rig = await openNewest();
    const reply = call(rig, 1);
    await pass(rig, 1000);
    reply.vanish();
    await says(rig, elicit('q'));
    const again = new FakeConnection();
    rig.session.listen(again, '1-0');
    send(rig, result('q'));
    await settle();
    expect([again.events, rig.child.received.at(-1)]).toEqual([[elicit('q')], result('q')]);
  });

  it('takes a client back to its GET stream, with what came meanwhile', async () => {
    const rig = await openNewest();
    const get = new FakeConnection();
    rig.session.listen(get, undefined);
    await says(rig, listChanged);
    get.vanish();
    await says(rig, logLine);
    const again = new FakeConnection();
    rig.session.listen(again, '1-1');
    await says(rig, listChanged);
    expect([get.events, again.events]).toEqual([[listChanged], [logLine, listChanged]]);
  });

  it('does not take the stream of a call that is resumed for a GET stream', async () => {
    const rig = await openNewest();
    call(rig, 1).vanish();
    const reply = call(rig, 2);
    await pass(rig, 1000);
    reply.vanish();
    const again = new FakeConnection();
    rig.session.listen(again, '1-0');
    await says(rig, listChanged);
    expect(again.events).toEqual([]);
  });

  it('knows no event that was never sent', async () => {
    const rig = await openNewest();
    expect(() => {
      rig.session.listen(new FakeConnection(), '1-0');
    }).toThrow(expect.objectContaining({ code: 'EVENT_UNKNOWN' }));
  });

  it('says ANSWER_LOST for an answer that was too large to be kept', async () => {
    const rig = await openNewest({ replay: { events: 10, bytes: 100, ageMs: 60_000 } });
    const reply = call(rig, 'big');
    await pass(rig, 1000);
    reply.vanish();
    await says(rig, result('big', 'x'.repeat(200)));
    const again = new FakeConnection();
    rig.session.listen(again, '1-0');
    expect(again.answer).toMatchObject({ id: 'big', error: { data: { gangway: { reason: 'ANSWER_LOST' } } } });
  });

  it('keeps no event longer than it may', async () => {
    const rig = await openNewest({ replay: { events: 10, bytes: 1000, ageMs: 2000 } });
    const reply = call(rig, 1, 't');
    await says(rig, progress('t', 1));
    reply.vanish();
    await says(rig, progress('t', 2));
    await pass(rig, 2000);
    await says(rig, progress('t', 3));
    const again = new FakeConnection();
    rig.session.listen(again, '1-1');
    expect(again.events).toEqual([progress('t', 3)]);
  });

  it('never sends a message twice, whoever comes back in the middle', async () => {
    const rig = await openNewest();
    const a = call(rig, 1, 'a');
    const b = call(rig, 2, 'b');
    const get = new FakeConnection();
    rig.session.listen(get, undefined);
    const messages = [progress('a', 1), progress('b', 1), listChanged, logLine, elicit('q'), result(1), result(2)];
    await says(rig, ...messages.slice(0, 3));
    for (const connection of [a, b, get]) connection.vanish();
    await says(rig, ...messages.slice(3));
    const again = ['1-1', '2-1', '3-1'].map((id) => {
      const connection = new FakeConnection();
      rig.session.listen(connection, id);
      return connection;
    });
    const all = [a, b, get, ...again].flatMap(({ said }) => said);
    expect(all.sort()).toEqual(messages.sort());
  });
});

describe('Session.batch()', () => {
  const openOld = (habit: Habit = {}): Promise<Rig> => open({}, habit, '2025-03-26');

  function batch({ session }: Rig, ...texts: string[]): { connection: FakeConnection; hasAnswers: boolean } {
    const connection = new FakeConnection();
    const elements = texts.map((text) => Bytes.from(text));
    return { connection, hasAnswers: session.batch(readBatch({ kind: 'batch', elements }), connection) };
  }

  const ask = (id: string | number, token = ''): string =>
    `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":"m"${token && `,"params":{"_meta":{"progressToken":"${token}"}}`}}`;
  const note = '{"jsonrpc":"2.0","method":"n"}';
  const code = (wanted: string): Error => expect.objectContaining({ code: wanted }) as unknown as Error;

  it('sends its messages on one by one, in their order', async () => {
    const rig = await openOld();
    const { hasAnswers } = batch(rig, ask(1), note, ask('2'), note);
    await settle();
    expect([rig.child.received, hasAnswers]).toEqual([[ask(1), note, ask('2'), note], true]);
  });

  it('answers on one stream, which ends with the last answer', async () => {
    const rig = await openOld();
    const { connection } = batch(rig, ask(1), ask(2, 't'));
    await says(rig, result(2));
    const wasOpen = connection.isOpen;
    await says(rig, result(1));
    expect([connection.calls, connection.events, wasOpen]).toEqual([
      ['openStream', 'event', 'event', 'end'],
      [result(2), result(1)],
      true,
    ]);
  });

  it('sends what precedes the answers on the same stream', async () => {
    const rig = await openOld();
    const { connection } = batch(rig, ask(1, 'a'), ask(2, 'b'));
    await says(rig, progress('a'), logLine, result(1), progress('b'), result(2));
    expect(connection.events).toEqual([progress('a'), logLine, result(1), progress('b'), result(2)]);
  });

  it('has no answers when it has no requests', async () => {
    const rig = await openOld();
    const { hasAnswers, connection } = batch(rig, note, note);
    await settle();
    expect([hasAnswers, connection.calls, rig.child.received]).toEqual([false, [], [note, note]]);
  });

  it('passes the client’s answers in it on, once each', async () => {
    const rig = await openOld();
    await says(rig, elicit('q'));
    batch(rig, result('q'), result('q'), result('never asked'));
    await settle();
    expect(rig.child.received).toEqual([result('q')]);
  });

  it.each([
    ['an id', ask(1), ask(1)],
    ['a progress token', ask(1, 't'), ask(2, 't')],
  ])('is refused as a whole with %s twice in it', async (_what, ...texts) => {
    const rig = await openOld();
    expect(() => batch(rig, note, ...texts)).toThrow(code('DUPLICATE_ID'));
    await settle();
    expect([rig.child.received, rig.session.inFlight]).toEqual([[], 0]);
  });

  it.each([
    ['an id', ask(1)],
    ['a progress token', ask(2, 't')],
  ])('is refused as a whole with %s that is in use', async (_what, text) => {
    const rig = await openOld();
    const reply = call(rig, 1, 't');
    await settle();
    expect(() => batch(rig, note, ask(9), text)).toThrow(code('DUPLICATE_ID'));
    await says(rig, result(1));
    expect([rig.child.received.length, reply.jsons]).toEqual([1, [result(1)]]);
  });

  it('takes 1 and "1" for two ids', async () => {
    const rig = await openOld();
    const { connection } = batch(rig, ask(1), ask('1'));
    await says(rig, result('1'), result(1));
    expect(connection.events).toEqual([result('1'), result(1)]);
  });

  it('is refused as a whole when the server does not read', async () => {
    const rig = await openOld();
    rig.child.stdin.removeAllListeners('data').pause();
    rig.child.stdin.write('x'.repeat(9 * 1024 * 1024));
    expect(() => batch(rig, ask(1), ask(2))).toThrow(code('UPSTREAM_BUSY'));
    expect(rig.session.inFlight).toBe(0);
  });

  it('is refused as a whole when too much would be under way', async () => {
    const rig = await openOld();
    for (let id = 0; id < 999; id++) call(rig, id);
    expect(() => batch(rig, ask('a'), ask('b'))).toThrow(code('UPSTREAM_BUSY'));
    expect([rig.session.inFlight, batch(rig, ask('a')).hasAnswers]).toEqual([999, true]);
  });

  it('ends without the answer of a request that was cancelled', async () => {
    const rig = await openOld();
    const { connection } = batch(rig, ask(1), ask(2));
    send(rig, '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}');
    await says(rig, result(1), result(2));
    expect([connection.events, connection.calls.at(-1)]).toEqual([[result(2)], 'end']);
  });

  it('ends when the last one is cancelled', async () => {
    const rig = await openOld();
    const { connection } = batch(rig, ask(1), ask(2));
    await says(rig, result(1));
    send(rig, '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}');
    expect([connection.events, connection.isOpen]).toEqual([[result(1)], false]);
  });

  it('may cancel a request of its own', async () => {
    const rig = await openOld();
    const cancel = '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}';
    const { connection } = batch(rig, ask(1), cancel);
    await settle();
    expect([rig.child.received, connection.calls]).toEqual([
      [ask(1), cancel],
      ['openStream', 'end'],
    ]);
  });

  it('answers each with an error when the server ends', async () => {
    const rig = await openOld();
    const { connection } = batch(rig, ask(1), ask('1'));
    rig.child.exit();
    await rig.clock.advance(200);
    const ids = connection.events.map((text) => (JSON.parse(text) as { id: unknown }).id);
    expect([ids, connection.calls.at(-1)]).toEqual([[1, '1'], 'end']);
  });

  it.each(['2024-11-05', '2025-06-18', '2025-11-25', 'something else'])('is refused in %s', async (version) => {
    const rig = await open({}, {}, version);
    expect(() => batch(rig, note)).toThrow(code('MESSAGE_INVALID'));
    await settle();
    expect(rig.child.received).toEqual([]);
  });
});

describe('Session, for a ping of the server,', () => {
  const ping = '{"jsonrpc":"2.0","id":1.0,"method":"ping"}';

  it('answers by itself when nobody listens, under the id as it was written', async () => {
    const rig = await open();
    await says(rig, ping);
    expect(rig.child.received).toEqual(['{"jsonrpc":"2.0","id":1.0,"result":{}}']);
  });

  it('does not keep it for the next GET stream then', async () => {
    const rig = await open();
    await says(rig, ping);
    const get = new FakeConnection();
    rig.session.listen(get, undefined);
    expect(get.events).toEqual([]);
  });

  it('lets the client of a GET stream answer', async () => {
    const rig = await open();
    const get = new FakeConnection();
    rig.session.listen(get, undefined);
    await says(rig, ping);
    expect([get.events, rig.child.received]).toEqual([[ping], []]);
  });

  it('lets the client of a call answer', async () => {
    const rig = await open();
    const reply = call(rig, 'a');
    await says(rig, ping);
    expect([reply.events, rig.child.received.length]).toEqual([[ping], 1]);
  });

  it('answers by itself when the GET stream has closed', async () => {
    const rig = await open();
    const get = new FakeConnection();
    rig.session.listen(get, undefined);
    get.vanish();
    await says(rig, ping);
    expect(rig.child.received).toHaveLength(1);
  });

  it('answers no other request by itself', async () => {
    const rig = await open();
    await says(rig, '{"jsonrpc":"2.0","id":1,"method":"roots/list"}');
    expect(rig.child.received).toEqual([]);
  });
});

describe('Session, for an answer that is no message,', () => {
  const garbled = { error: { code: -32603, data: { gangway: { reason: 'UPSTREAM_GARBLED', retryable: false } } } };

  it('answers with UPSTREAM_GARBLED under its id', async () => {
    const rig = await open();
    const reply = call(rig, 'a');
    await says(rig, '{"jsonrpc":"2.0","id":"a","result":{"x":nope}}');
    expect(reply.answer).toMatchObject({ id: 'a', ...garbled });
  });

  it('leaves all else as it is', async () => {
    const rig = await open();
    call(rig, 'a');
    const other = call(rig, 'b');
    await says(rig, '{"jsonrpc":"2.0","id":"a","result":{}}]', result('a'), result('b'));
    expect([rig.session.state, rig.session.inFlight, other.jsons]).toEqual(['open', 0, [result('b')]]);
  });

  it('says nothing for an id that nobody waits for', async () => {
    const rig = await open();
    const reply = call(rig, 1);
    await says(rig, '{"jsonrpc":"2.0","id":"1","result":nope}');
    expect(reply.calls).toEqual([]);
  });
});

describe('Session, in the end,', () => {
  const counted = ({ lines }: Rig): unknown =>
    lines.find(({ msg }) => msg === 'session closed')?.['unexpectedMessages'];

  it.each<[string, (rig: Rig) => Promise<void> | void, number]>([
    ['an answer that nobody waits for', (rig) => says(rig, result(99)), 1],
    ['a second answer', (rig) => says(rig, result(1), result(1)), 1],
    ['progress after the answer', (rig) => says(rig, result(1), progress('t')), 1],
    ['an error without an id', (rig) => says(rig, '{"jsonrpc":"2.0","error":{"code":1}}'), 1],
    ['a client’s answer to nothing', (rig) => { send(rig, result('q')); }, 1],
    ['a client’s second answer', async (rig) => { await says(rig, elicit('q')); send(rig, result('q')); send(rig, result('q')); }, 1],
  ])('tells how much was dropped: %s', async (_what, happens, count) => {
    const rig = await open();
    call(rig, 1, 't');
    await happens(rig);
    rig.session.close('deleted');
    expect(counted(rig)).toBe(count);
  }); // prettier-ignore

  it('says nothing of it when nothing was', async () => {
    const rig = await open();
    call(rig, 1, 't');
    await says(rig, progress('t'), result(1));
    rig.session.close('deleted');
    expect(counted(rig)).toBeUndefined();
  });
});

describe('Session, with a client that reads slowly,', () => {
  it('stops reading from the server', async () => {
    const rig = await open();
    const reply = call(rig, 1, 't');
    reply.isSlow = true;
    await says(rig, progress('t', 1));
    await says(rig, progress('t', 2));
    expect(reply.events).toEqual([progress('t', 1)]);
  });

  it('stops reading behind a large answer that waits for its client', async () => {
    const rig = await open();
    const slow = call(rig, 1);
    const other = call(rig, 2);
    slow.isSlow = true;
    await says(rig, result(1));
    await says(rig, result(2));
    expect(other.jsons).toEqual([]);
    slow.vanish();
    slow.drain();
    await settle();
    expect(other.jsons).toEqual([result(2)]);
  });

  it('goes on when the client has caught up', async () => {
    const rig = await open();
    const reply = call(rig, 1, 't');
    reply.isSlow = true;
    await says(rig, progress('t', 1));
    await says(rig, progress('t', 2));
    reply.isSlow = false;
    reply.drain();
    await settle();
    expect(reply.events).toEqual([progress('t', 1), progress('t', 2)]);
  });

  it('goes on when the client goes away', async () => {
    const rig = await open();
    const slow = call(rig, 1, 't');
    slow.isSlow = true;
    await says(rig, progress('t', 1));
    const other = call(rig, 2);
    slow.vanish();
    await says(rig, result(2));
    expect(other.jsons).toEqual([result(2)]);
  });

  it('waits for the slowest of two', async () => {
    const rig = await open();
    const a = call(rig, 1, 'a');
    const b = call(rig, 2, 'b');
    a.isSlow = true;
    b.isSlow = true;
    rig.child.stdout.write(`${progress('a', 1)}\n${progress('b', 1)}\n`);
    await settle();
    a.drain();
    await says(rig, progress('a', 2));
    expect(a.events).toEqual([progress('a', 1)]);
  });

  it('cuts a client off that has not read for 30 s', async () => {
    const rig = await open();
    const reply = call(rig, 1, 't');
    reply.isSlow = true;
    await says(rig, progress('t', 1));
    await pass(rig, 29_750);
    const early = reply.isOpen;
    await pass(rig, 250);
    expect([early, reply.calls.at(-1)]).toEqual([true, 'destroy']);
  });

  it('slows down for a GET stream that cannot take what was kept', async () => {
    const rig = await open();
    await says(rig, listChanged);
    const get = new FakeConnection();
    get.isSlow = true;
    rig.session.listen(get, undefined);
    await says(rig, listChanged);
    expect(get.events).toHaveLength(1);
  });
});

describe('Session.close()', () => {
  it('answers what is pending', async () => {
    const rig = await open();
    const reply = call(rig, 1);
    rig.session.close('deleted');
    expect(reply.answer).toMatchObject({ id: 1, error: { data: { gangway: { reason: 'SESSION_UNKNOWN' } } } });
  });

  it('answers with DRAINING when it is for that', async () => {
    const rig = await open();
    const reply = call(rig, 1);
    rig.session.close('draining');
    expect(reply.answer).toMatchObject({ error: { data: { gangway: { reason: 'DRAINING', retryable: true } } } });
  });

  it('releases the lease once, however often it is called', async () => {
    const rig = await open();
    rig.session.close('deleted');
    rig.session.close('idle');
    expect([rig.releases, rig.closed]).toEqual([['session-ended'], 1]);
  });

  it('removes the container', async () => {
    const rig = await open();
    rig.session.close('deleted');
    await rig.clock.advance(3000);
    expect(rig.child.isGone).toBe(true);
  });

  it('delivers nothing afterwards', async () => {
    const rig = await open({}, { ignoresEof: true });
    const get = new FakeConnection();
    rig.session.listen(get, undefined);
    rig.session.close('deleted');
    await says(rig, listChanged, elicit(1));
    expect(get.events).toEqual([]);
  });

  it('writes neither a session id nor a message into the log', async () => {
    const rig = await open();
    call(rig, 'canary-id');
    rig.session.close('deleted');
    expect(JSON.stringify(rig.lines)).not.toContain('canary');
  });
});
