import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { BridgeError } from '../../src/base/errors.ts';
import { Bytes } from '../../src/jsonrpc/bytes.ts';
import { clientLimits, isRefusal, readMessage, type Notification, type Request } from '../../src/jsonrpc/message.ts';
import { legacyWire } from '../../src/upstream/legacy-wire.ts';
import { SharedUpstream } from '../../src/upstream/shared-upstream.ts';
import { FakeEngine } from '../support/fake-engine.ts';
import { FakeSharedClient } from '../support/fake-shared-client.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { collectGarbage } from '../support/garbage.ts';
import { serverConfig, startContext } from '../support/pool-rig.ts';
import { startUpstream } from '../../src/upstream/start.ts';

const maxCallTimeMs = 600_000;

let clock: ManualClock;
let upstream: FakeUpstream;
let shared: SharedUpstream;
let a: FakeSharedClient;
let b: FakeSharedClient;
/** What was said to all. */
let broadcasts: string[];

function open(channel = upstream.asUpstream): SharedUpstream {
  const onBroadcast = (_notification: Notification, bytes: Bytes): void => {
    broadcasts.push(bytes.toString());
  };
  const wire = legacyWire({ maxCallTimeMs, clock, onBroadcast });
  return new SharedUpstream(channel, { maxLineBytes: 1000, wire });
}

beforeEach(() => {
  clock = new ManualClock();
  upstream = new FakeUpstream();
  a = new FakeSharedClient();
  b = new FakeSharedClient();
  broadcasts = [];
  shared = open();
});

function requestIn(text: string): Request {
  const message = readMessage(Bytes.from(text), clientLimits);
  if (isRefusal(message) || message.kind !== 'request') throw new TypeError(`wanted a request: ${text}`);
  return message;
}

/** Sends a client's request as it is written. @returns its id on the server */
function send(client: FakeSharedClient, text: string, on = shared): number {
  return on.call(client, requestIn(text), Bytes.from(text));
}

/** A call under an id, and with a progress token, as they are written. */
function call(client: FakeSharedClient, idText: string, tokenText?: string): number {
  const meta = tokenText === undefined ? '' : `,"_meta":{"progressToken":${tokenText}}`;
  return send(client, `{"jsonrpc":"2.0","id":${idText},"method":"tools/call","params":{"name":"x"${meta}}}`);
}

const answer = (idText: string | number): string => `{"jsonrpc":"2.0","id":${idText},"result":{"id":7}}`;
const progress = (tokenText: string | number): string =>
  `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${tokenText},"progress":1}}`;
const logLine = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}';
const elicit = '{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"?"}}';

/** The notification by which a client cancels a request. */
function notice(idText: string): Parameters<SharedUpstream['cancel']>[1] {
  const text = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${idText}}}`;
  const bytes = Bytes.from(text);
  const message = readMessage(bytes, clientLimits);
  if (isRefusal(message) || message.kind !== 'notification') throw new TypeError('wanted a notification');
  return { bytes, span: message.spans.requestId! };
}

/** Texts that JSON takes for the same id, written in all kinds of ways. */
const idTexts = ['1', '1.0', '1e2', '-0', '-7', '9007199254740993', '""', '"1"', '"x\\u0041"', '"\\n\\"é💡"'];

describe('SharedUpstream.call()', () => {
  it('sends each request under a number of its own', () => {
    const ids = ['1', '"1"', '1'].map((idText, i) => call(i === 2 ? b : a, idText));
    expect(new Set(ids).size).toBe(3);
    expect(upstream.sent.map((line) => (JSON.parse(line) as { id: number }).id)).toEqual(ids);
  });

  it.each(idTexts)('puts the id %s back as it was written', (idText) => {
    const id = call(a, idText);
    upstream.says(answer(id));
    expect(a.messages).toEqual([answer(idText)]);
    expect(a.ids).toEqual([JSON.parse(idText)]);
  });

  it.each(idTexts)('puts the progress token %s back as it was written', (tokenText) => {
    const id = call(a, '5', tokenText);
    upstream.says(progress(id));
    expect(a.messages).toEqual([progress(tokenText)]);
    expect(a.tokens).toEqual([JSON.parse(tokenText)]);
  });

  it('leaves every other byte of a request as it is', () => {
    const text = '{ "params" : {"_meta":{"progressToken": "t" ,"x":1.0}, "n":[1e3,"\\u00e9"]},"id" :1.0,"method":"m","jsonrpc":"2.0"}'; // prettier-ignore
    const id = send(a, text);
    expect(upstream.sent).toEqual([
      `{ "params" : {"_meta":{"progressToken": ${id} ,"x":1.0}, "n":[1e3,"\\u00e9"]},"id" :${id},"method":"m","jsonrpc":"2.0"}`,
    ]);
  });

  it('is exact for any id, token and order of members', () => {
    const character = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).map((text) => JSON.stringify(text).slice(1, -1)),
      fc.integer({ min: 0, max: 0xd7ff }).map((code) => `\\u${code.toString(16).padStart(4, '0')}`),
    );
    const text = fc.array(character, { maxLength: 8 }).map((all) => `"${all.join('')}"`);
    const integer = fc.oneof(
      fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
      fc.integer().map((number) => `${number}.00`),
      fc.integer({ min: 0, max: 99 }).map((number) => `${number}E+2`),
    );
    const id = fc.oneof(text, integer);
    const members = fc.record({ id, token: fc.option(id), order: fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }) });
    const space = fc.stringMatching(/^[ \t]{0,3}$/);
    fc.assert(
      fc.property(fc.array(members, { minLength: 1, maxLength: 4 }), space, (calls, gap) => {
        const requests = calls.map(({ id: idText, token, order }) => {
          const write = (own: string | number, ownToken: string | number | null): string => {
            const meta = ownToken === null ? '' : `"_meta":{${gap}"progressToken":${gap}${ownToken}}`;
            const all = [`"id":${gap}${own}${gap}`, `"params":{${meta}}`, '"jsonrpc":"2.0"', '"method":"m"'];
            return `{${order.map((place) => all[place]!).join(`${gap},`)}}`;
          };
          const client = new FakeSharedClient();
          const sentId = send(client, write(idText, token));
          expect(upstream.sent.at(-1)).toBe(write(sentId, token === null ? null : sentId));
          return { client, sentId, idText, token };
        });
        for (const { sentId } of requests.reverse()) upstream.says(progress(sentId), answer(sentId));
        for (const { client, idText, token } of requests) {
          expect(client.messages).toEqual([...(token === null ? [] : [progress(token)]), answer(idText)]);
        }
      }),
    );
  });

  it('puts the id back into an answer in pieces without joining them', () => {
    const id = call(a, '"mine"');
    const half = Buffer.alloc(1024 * 1024, ' ');
    const head = Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":{}`);
    const bytes = new Bytes([head, half, half, Buffer.from('}')], head.length + 2 * half.length + 1);
    const message = readMessage(bytes, clientLimits);
    if (isRefusal(message) || message.kind !== 'response') throw new TypeError('wanted a response');
    shared.onMessage(message, bytes);
    expect(a.messages[0]?.replace(/ +/, '')).toBe('{"jsonrpc":"2.0","id":"mine","result":{}}');
  });

  it('fails at once on a server that has just ended', () => {
    upstream.ends();
    call(a, '"late"');
    expect(a.failures).toEqual([{ id: 'late', code: 'UPSTREAM_EXITED' }]);
  });
});

describe('SharedUpstream, what comes back,', () => {
  it('goes to who asked, whatever the order', () => {
    const [first, second, third] = [call(a, '1'), call(b, '1'), call(a, '2')];
    upstream.says(answer(third), answer(second), answer(first));
    expect([a.messages, b.messages]).toEqual([[answer(2), answer(1)], [answer(1)]]);
  });

  it('is an error as well', () => {
    const id = call(a, '"e"');
    upstream.says(`{"error":{"code":-1,"message":"id"},"jsonrpc":"2.0","id":${id}}`);
    expect(a.messages).toEqual(['{"error":{"code":-1,"message":"id"},"jsonrpc":"2.0","id":"e"}']);
  });

  it.each<[string, (id: number) => string[]]>([
    ['an answer to an id that was never used', () => [answer(99)]],
    ['an answer to a text where a number was sent', (id) => [answer(`"${id}"`)]],
    ['an answer to no id', () => ['{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"x"}}']],
    ['an answer to 0', () => [answer(0)]],
    ['an answer to a number below 0', (id) => [answer(-id)]],
    ['progress under a token that was never used', () => [progress(99)]],
    ['progress under a text', (id) => [progress(`"${id}"`)]],
    ['progress without a token', () => ['{"jsonrpc":"2.0","method":"notifications/progress"}']],
    ['a garbled answer to an id that was never used', () => ['{"jsonrpc":"2.0","id":99,"result":1,"error":{}}']],
  ])('is dropped and counted: %s', (_what, says) => {
    upstream.says(...says(call(a, '1', '"t"')));
    expect([a.heard, b.heard, shared.unexpected]).toEqual([[], [], 1]);
  });

  it('is dropped and counted when it is the second answer', () => {
    const id = call(a, '1');
    upstream.says(answer(id), answer(id));
    expect([a.messages.length, shared.unexpected]).toEqual([1, 1]);
  });

  it('is dropped and counted when it is progress on what is answered', () => {
    const id = call(a, '1', '1');
    upstream.says(answer(id), progress(id));
    expect([a.messages.length, shared.unexpected]).toEqual([1, 1]);
  });

  it('is dropped and counted when it is progress on a call without a token', () => {
    upstream.says(progress(call(a, '1')));
    expect([a.messages, shared.unexpected]).toEqual([[], 1]);
  });

  it('fails the call whose answer is no message', () => {
    const id = call(a, '"g"');
    upstream.says(`{"jsonrpc":"2.0","id":${id},"result":{},"error":{}}`, answer(id));
    expect([a.failures, a.messages, shared.unexpected]).toEqual([[{ id: 'g', code: 'UPSTREAM_GARBLED' }], [], 1]);
  });

  it('shows that the server lives, also when it is garbled', () => {
    upstream.says(answer(99), '{"jsonrpc":"2.0","id":99,"result":1,"error":{}}');
    expect(shared.messages).toBe(2);
  });
});

describe('SharedUpstream.cancel()', () => {
  it('tells the server under its own id, the rest as the client wrote it', () => {
    const id = call(a, '"mine"');
    shared.cancel(id, notice('"mine"'));
    expect(upstream.sent.at(-1)).toBe(notice(String(id)).bytes.toString());
  });

  it('drops and counts what still comes', () => {
    const id = call(a, '1', '1');
    shared.cancel(id, notice('1'));
    upstream.says(progress(id), answer(id));
    expect([a.heard, shared.unexpected]).toEqual([[], 2]);
  });

  it('tells nothing of a call that is answered', () => {
    const id = call(a, '1');
    upstream.says(answer(id));
    shared.cancel(id, notice('1'));
    expect(upstream.sent.length).toBe(1);
  });

  it('tells it once', () => {
    const id = call(a, '1');
    shared.cancel(id, notice('1'));
    shared.cancel(id, notice('1'));
    expect(upstream.sent.length).toBe(2);
  });

  it('tells a server that does not read nothing, and forgets the call all the same', () => {
    const id = call(a, '1');
    upstream.isBusy = true;
    shared.cancel(id, notice('1'));
    upstream.ends();
    expect([upstream.sent.length, a.heard]).toEqual([1, []]);
  });
});

describe('SharedUpstream, when clients of one request each give theirs up,', () => {
  const giveUp = (): WeakRef<FakeSharedClient> => {
    const client = new FakeSharedClient();
    shared.cancel(call(client, '1'), notice('1'));
    return new WeakRef(client);
  };

  it('remembers a hundred of them, and of the others for how long the server may be at it', async () => {
    const clients = Array.from({ length: 500 }, giveUp);
    await settle();
    collectGarbage();
    expect(clients.filter((client) => client.deref() !== undefined).length).toBeLessThanOrEqual(100);
    await clock.advance(maxCallTimeMs - 1);
    call(a, '2');
    upstream.says(elicit);
    expect(a.asides).toEqual([]);
    await clock.advance(1);
    upstream.says(elicit);
    expect(a.asides).toHaveLength(1);
  });
});

describe('SharedUpstream, what the server says by itself,', () => {
  it.each(['"p"', '7', '1.0', '"\\u0041"'])('is answered when it is a ping with the id %s', (idText) => {
    upstream.says(`{"jsonrpc":"2.0","id":${idText},"method":"ping"}`);
    expect(upstream.sent).toEqual([`{"jsonrpc":"2.0","id":${idText},"result":{}}`]);
  });

  it('is no cross-talk when its id is the one of a call', () => {
    const id = call(a, '1');
    upstream.says(elicit.replace('"q"', String(id)), answer(id));
    expect([a.asides.length, a.messages]).toEqual([1, [answer(1)]]);
  });

  it('goes to the only client with calls under way, with the newest of them', () => {
    call(a, '1');
    call(a, '"2"');
    upstream.says(logLine, elicit);
    expect(a.asides).toEqual([
      { text: logLine, cause: '2' },
      { text: elicit, cause: '2' },
    ]);
  });

  it('is refused when it asks and nobody has a call under way', () => {
    upstream.says(elicit);
    expect(upstream.last).toMatchObject({
      id: 'q',
      error: { code: -32600, data: { gangway: { reason: 'NOT_SHARED' } } },
    });
  });

  it('is refused when it asks and several have calls under way', () => {
    call(a, '1');
    call(b, '1');
    upstream.says(elicit);
    expect(upstream.last).toMatchObject({ id: 'q', error: { data: { gangway: { reason: 'NOT_SHARED' } } } });
    expect([a.heard, b.heard]).toEqual([[], []]);
  });

  it.each([0, 2])('is dropped and counted when it tells something and %d have calls under way', (count) => {
    [a, b].slice(0, count).forEach((client) => call(client, '1'));
    upstream.says(logLine);
    expect([a.heard, b.heard, shared.unexpected]).toEqual([[], [], 1]);
  });

  it.each([
    '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}',
    '{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}',
    '{"jsonrpc":"2.0","method":"notifications/resources/list_changed"}',
    '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:b"}}',
  ])('goes to all that it may concern: %s', (text) => {
    call(a, '1');
    upstream.says(text);
    expect([broadcasts, a.heard, shared.unexpected]).toEqual([[text], [], 0]);
  });

  it('is not for the other client while a cancelled call of one may still be worked on', () => {
    shared.cancel(call(a, '1'), notice('1'));
    call(b, '1');
    upstream.says(logLine, elicit);
    expect([a.heard, b.heard]).toEqual([[], []]);
    expect(upstream.last).toMatchObject({ id: 'q', error: { data: { gangway: { reason: 'NOT_SHARED' } } } });
  });

  it('is for the client itself that cancelled a call and has another one', () => {
    shared.cancel(call(a, '1'), notice('1'));
    call(a, '2');
    upstream.says(logLine);
    expect(a.asides).toEqual([{ text: logLine, cause: 2 }]);
  });

  it('is for the other client when no call can last as long', async () => {
    shared.cancel(call(a, '1'), notice('1'));
    call(b, '1');
    await clock.advance(maxCallTimeMs);
    upstream.says(logLine);
    expect(b.asides).toEqual([{ text: logLine, cause: 1 }]);
  });

  it('does not fill the memory when the server asks and does not read', () => {
    upstream.isBusy = true;
    upstream.says('{"jsonrpc":"2.0","id":1,"method":"ping"}', elicit);
    expect(upstream.sent).toEqual([]);
  });
});

describe('SharedUpstream.ask()', () => {
  it('gets the answer, which no client sees', async () => {
    call(a, '1');
    const asked = shared.ask('tools/list', { cursor: 'c' });
    const { id } = upstream.last;
    expect(upstream.last).toEqual({ jsonrpc: '2.0', id, method: 'tools/list', params: { cursor: 'c' } });
    upstream.says(answer(Number(id)));
    expect((await asked).bytes.toString()).toBe(answer(Number(id)));
    expect([a.heard, shared.unexpected]).toEqual([[], 0]);
  });

  it('takes no answer twice', async () => {
    const asked = shared.ask('ping');
    upstream.says(answer(1), answer(1));
    await asked;
    expect(shared.unexpected).toBe(1);
  });

  it('is rejected when the answer is no message', async () => {
    const asked = shared.ask('ping');
    upstream.says('{"jsonrpc":"2.0","id":1,"result":{},"error":{}}');
    await expect(asked).rejects.toMatchObject({ code: 'UPSTREAM_GARBLED' });
  });

  it('is rejected when the server ends, and when it has ended', async () => {
    const before = shared.ask('ping');
    upstream.ends();
    await expect(before).rejects.toMatchObject({ code: 'UPSTREAM_EXITED' });
    await expect(shared.ask('ping')).rejects.toMatchObject({ code: 'UPSTREAM_EXITED' });
  });

  it('is rejected at once by a server that does not read', async () => {
    upstream.isBusy = true;
    await expect(shared.ask('ping')).rejects.toMatchObject({ code: 'UPSTREAM_BUSY' });
    expect(upstream.sent).toEqual([]);
  });

  it('is rejected at once by a server that leaves very many without an answer', async () => {
    for (let count = 0; count < 10_000; count++) void shared.ask('ping');
    await expect(shared.ask('ping')).rejects.toMatchObject({ code: 'UPSTREAM_BUSY' });
    expect(upstream.sent.length).toBe(10_000);
  });
});

describe('SharedUpstream, at the end of its server,', () => {
  it('fails every call once, under the id that its client gave it', () => {
    for (const idText of ['1', '"1"', '2']) call(a, idText);
    call(b, '1');
    upstream.says(answer(1));
    upstream.ends();
    const exited = (id: string | number): object => ({ id, code: 'UPSTREAM_EXITED' });
    expect([a.failures, b.failures]).toEqual([[exited('1'), exited(2)], [exited(1)]]);
  });

  it.each([
    ['exited', 'UPSTREAM_EXITED'],
    ['stopped', 'UPSTREAM_EXITED'],
    ['line-too-long', 'UPSTREAM_GARBLED'],
    ['too-noisy', 'UPSTREAM_GARBLED'],
  ] as const)('says why: %s is %s', async (reason, code) => {
    call(a, '1');
    upstream.ends(reason);
    expect(a.failures).toEqual([{ id: 1, code }]);
    await expect(shared.ended).resolves.toMatchObject({ code });
  });

  it('tells exit code and stderr', async () => {
    upstream.stderr.push('out of luck');
    upstream.ends('exited', { code: 3, signal: undefined });
    const { data }: BridgeError = await shared.ended;
    expect(data).toEqual({ exitCode: 3, stderr: ['out of luck'] });
  });

  it('is known to have ended as soon as its process has', () => {
    expect(shared.hasEnded).toBe(false);
    upstream.exit = { code: 0, signal: undefined };
    expect(shared.hasEnded).toBe(true);
  });

  it('lets a client that fails send again: it fails too, once', () => {
    a.onFailed = (id, { code }): void => {
      a.failures.push({ id, code });
      if (a.failures.length === 1) call(a, '"again"');
    };
    call(a, '1');
    call(b, '1');
    upstream.ends();
    expect(a.failures.map(({ id }) => id)).toEqual([1, 'again']);
    expect(b.failures.map(({ id }) => id)).toEqual([1]);
  });

  it('tells an upstream that was over before it was shared', async () => {
    const engine = new FakeEngine(clock);
    const config = serverConfig();
    const context = startContext(clock);
    const real = startUpstream(engine, config, { kind: 'image', image: 'x' }, context);
    engine.last.exit({ code: 4, signal: undefined });
    await clock.advance(1000);
    const late = open(real);
    send(a, '{"jsonrpc":"2.0","id":1,"method":"m"}', late);
    await expect(late.ended).resolves.toMatchObject({ code: 'UPSTREAM_EXITED', data: { exitCode: 4 } });
    expect(a.failures).toEqual([{ id: 1, code: 'UPSTREAM_EXITED' }]);
  });
});

describe('SharedUpstream, over a real channel,', () => {
  it('gives each of many clients its own, with what they wrote', async () => {
    const engine = new FakeEngine(clock, {
      onLine: (line, child) => {
        const { id, params } = JSON.parse(line) as { id: number; params: { n: number } };
        child.say(`{"id": ${id} ,"jsonrpc":"2.0","result":{"n":${params.n}}}`);
      },
    });
    const context = startContext(clock);
    const real = open(startUpstream(engine, serverConfig(), { kind: 'image', image: 'x' }, context));
    const clients = Array.from({ length: 50 }, () => new FakeSharedClient());
    clients.forEach((client, n) =>
      send(client, `{"jsonrpc":"2.0","id":"\\u0061","method":"m","params":{"n":${n}}}`, real),
    );
    await settle();
    clients.forEach(({ messages }, n) => {
      expect(messages).toEqual([`{"id": "\\u0061" ,"jsonrpc":"2.0","result":{"n":${n}}}`]);
    });
  });
});

/** What happens next. Numbers choose among what is there. */
type Step =
  | { readonly do: 'call'; readonly client: number; readonly idText: string; readonly hasToken: boolean }
  | { readonly do: 'answer' | 'progress' | 'cancel' | 'garble' | 'again'; readonly pick: number };

interface Pending {
  readonly client: number;
  readonly idText: string;
  readonly hasToken: boolean;
  readonly sentId: number;
}

describe('SharedUpstream, whatever is called, answered and cancelled in whatever order,', () => {
  it('delivers to each client what belongs to its calls, and nothing else', () => {
    const pick = fc.nat(1000);
    const step: fc.Arbitrary<Step> = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constant('call' as const),
          client: fc.nat(2),
          // The same few ids in every client.
          idText: fc.constantFrom('1', '2', '"1"', '""', '9007199254740993', '"x\\u0041"'),
          hasToken: fc.boolean(),
        }),
      },
      { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('answer' as const, 'progress' as const), pick }) },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constantFrom('cancel' as const, 'garble' as const, 'again' as const), pick }),
      },
    );
    const run = (steps: readonly Step[]): void => {
      const fake = new FakeUpstream();
      const server = open(fake.asUpstream);
      const clients = [0, 1, 2].map(() => new FakeSharedClient());
      const pending: Pending[] = [];
      const over: number[] = [];
      const wanted = clients.map((): { messages: string[]; failures: unknown[] } => ({ messages: [], failures: [] }));
      let unexpected = 0;
      const callOf = ({ client, idText, hasToken }: Extract<Step, { do: 'call' }>): void => {
        if (pending.some((other) => other.client === client && other.idText === idText)) return;
        const meta = hasToken ? `,"params":{"_meta":{"progressToken":${idText}}}` : '';
        const text = `{"jsonrpc":"2.0","id":${idText},"method":"m"${meta}}`;
        pending.push({ client, idText, hasToken, sentId: send(clients[client]!, text, server) });
      };
      const end = (place: number): void => {
        over.push(...pending.splice(place, 1).map(({ sentId }) => sentId));
      };
      const act = (next: Exclude<Step, { do: 'call' }>): void => {
        if (next.do === 'again') {
          if (over.length === 0) return;
          fake.says(answer(over[next.pick % over.length]!));
          unexpected += 1;
          return;
        }
        const place = next.pick % Math.max(1, pending.length);
        const one = pending[place];
        if (!one) return;
        const { sentId, idText } = one;
        const expected = wanted[one.client]!;
        if (next.do === 'answer') {
          fake.says(answer(sentId));
          expected.messages.push(answer(idText));
        } else if (next.do === 'progress') {
          fake.says(progress(sentId));
          if (one.hasToken) expected.messages.push(progress(idText));
          else unexpected += 1;
        } else if (next.do === 'garble') {
          fake.says(`{"jsonrpc":"2.0","id":${sentId},"result":{},"error":{}}`);
          expected.failures.push({ id: JSON.parse(idText) as unknown, code: 'UPSTREAM_GARBLED' });
        } else {
          server.cancel(sentId, notice(idText));
        }
        if (next.do !== 'progress') end(place);
      };
      for (const next of steps) {
        if (next.do === 'call') callOf(next);
        else act(next);
      }
      for (const { client, idText } of pending) {
        wanted[client]!.failures.push({ id: JSON.parse(idText) as unknown, code: 'UPSTREAM_EXITED' });
      }
      fake.ends();
      clients.forEach(({ messages, failures }, i) => {
        expect({ messages, failures }).toEqual(wanted[i]);
      });
      expect(server.unexpected).toBe(unexpected);
    };
    fc.assert(fc.property(fc.array(step, { minLength: 50, maxLength: 150 }), run), { numRuns: 1000 });
  }, 60_000);
});
