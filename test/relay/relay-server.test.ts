import { describe, expect, it } from '@jest/globals';
import { settle } from '../support/manual-clock.ts';
import {
  answerDiscover,
  discoverResult,
  filledRelay,
  lastId,
  lastWord,
  modern,
  RelayClient,
  relayRig,
  subscribed,
} from '../support/relay-rig.ts';
import { linesOf } from '../support/shared-rig.ts';

const never = new AbortController().signal;
const answer = (id: unknown): object => ({ jsonrpc: '2.0', id, result: { resultType: 'complete' } });

describe('RelayServer.discover()', () => {
  it('waits for the first container, and is known from then on', async () => {
    const { server } = relayRig();
    expect(server.discovery).toBeUndefined();
    const { supportedVersions, capabilities, instructions } = discoverResult;
    const serverInfo = { name: 'fake', version: '1' };
    const wanted = { supportedVersions, capabilities, instructions, serverInfo };
    expect(await server.discover('c', never)).toEqual(wanted);
    expect(server.discovery).toEqual(wanted);
    expect(await server.discover('c', AbortSignal.abort())).toEqual(wanted);
  });

  it('asks with all that a request has to say of itself, and says nothing else', async () => {
    const { engine } = await filledRelay();
    expect(linesOf(engine.last)).toEqual([
      expect.objectContaining({
        method: 'server/discover',
        params: {
          _meta: {
            'io.modelcontextprotocol/protocolVersion': '2026-07-28',
            'io.modelcontextprotocol/clientInfo': expect.objectContaining({ name: 'gangway' }),
            'io.modelcontextprotocol/clientCapabilities': {},
          },
        },
      }),
    ]);
  });

  it.each<[string, object]>([
    ['answered "server/discover" with an error', { error: { code: -32_601, message: 'no' } }],
    ['answer to "server/discover" is not one', { result: { capabilities: {} } }],
    ['answer to "server/discover" is not one', { result: { supportedVersions: ['x'], capabilities: 1 } }],
  ])('fails with START_FAILED: %s', async (words, said) => {
    const { server } = relayRig(
      {},
      {
        onLine: (_line, child) => {
          child.say({ jsonrpc: '2.0', id: 1, ...said });
        },
      },
    );
    const error = await server.discover('c', never).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'START_FAILED', message: expect.stringContaining(words) });
  });

  it('fails with START_FAILED when the server ends instead', async () => {
    const { server } = relayRig(
      {},
      {
        onLine: (_line, child) => {
          child.exit({ code: 3, signal: undefined });
        },
      },
    );
    const error = await server.discover('c', never).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'START_FAILED', data: { exitCode: 3 } });
  });

  it('fails with READY_TIMEOUT when the server is silent for startTimeout', async () => {
    const { server, clock } = relayRig({ startTimeoutMs: 5000 }, { onLine: () => undefined });
    const failed = server.discover('c', never).catch((thrown: unknown) => thrown);
    await clock.advance(6000);
    const message = 'Cannot start the server: it did not answer "server/discover" within 5000 ms';
    expect(await failed).toMatchObject({ code: 'READY_TIMEOUT', message });
  });
});

describe('RelayChannel, a call,', () => {
  it('passes as it is but for its id and token, and so does what comes back', async () => {
    const rig = await filledRelay();
    const client = new RelayClient(rig);
    client.send('{"id":"\\u0061", "jsonrpc":"2.0","method":"x/y","params":{"n":1.0,"_meta":{"progressToken":7.0}} }');
    await settle();
    const id = lastId(rig.engine.last, 'x/y');
    expect(rig.engine.last.received.at(-1)).toBe(
      `{"id":${id}, "jsonrpc":"2.0","method":"x/y","params":{"n":1.0,"_meta":{"progressToken":${id}}} }`,
    );
    const progress = (token: unknown): string =>
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${String(token)},"progress":1.50}}`;
    rig.engine.last.say(progress(id));
    rig.engine.last.say(`{"jsonrpc":"2.0", "id":${id},"result":{"n":1e3}}`);
    await settle();
    expect(client.texts).toEqual([progress('7.0'), '{"jsonrpc":"2.0", "id":"\\u0061","result":{"n":1e3}}']);
  });

  it('takes a place of the pool until it is answered', async () => {
    const rig = await filledRelay();
    const client = new RelayClient(rig);
    client.ask('1');
    await settle();
    const during = rig.server.pool.stats().ongoing;
    rig.engine.last.say(answer(lastId(rig.engine.last, 'tools/call')));
    await settle();
    expect([during, rig.server.pool.stats().ongoing]).toEqual([1, 0]);
  });

  it('waits while the pool is full; those of one address stand in one line, through however many channels', async () => {
    const rig = await filledRelay({ pool: { max: 1, maxOngoing: 1 } });
    const busy = new RelayClient(rig, 'x');
    busy.ask('"first"');
    for (const id of [1, 2, 3]) new RelayClient(rig, 'greedy').ask(String(id), 'greedy/call');
    new RelayClient(rig, 'modest').ask('1', 'modest/call');
    for (let turn = 0; turn < 4; turn++) {
      await settle();
      rig.engine.last.say(answer(linesOf(rig.engine.last).at(-1)?.id));
    }
    await settle();
    const methods = linesOf(rig.engine.last).map(({ method }) => method);
    expect(methods.slice(2)).toEqual(['greedy/call', 'modest/call', 'greedy/call', 'greedy/call']);
  });

  it('is refused when 64 MiB wait already', async () => {
    const rig = await filledRelay({ pool: { max: 1, maxOngoing: 1 } });
    const client = new RelayClient(rig);
    client.ask('0');
    for (const id of ['1', '2']) client.ask(id, 'tools/call', { text: 'x'.repeat(33 * 1024 * 1024) });
    await settle();
    expect(client.failures).toMatchObject([{ id: 2, error: { code: 'POOL_FULL' }, wasSent: false }]);
  });

  it('that was given up while it waited is never sent', async () => {
    const rig = await filledRelay({ pool: { max: 1, maxOngoing: 1 } });
    const client = new RelayClient(rig);
    client.ask('1');
    client.ask('2', 'second/call');
    await settle();
    client.cancel('2');
    rig.engine.last.say(answer(lastId(rig.engine.last, 'tools/call')));
    await settle();
    expect([linesOf(rig.engine.last, 'second/call'), client.failures]).toEqual([[], []]);
    expect(rig.server.pool.stats()).toMatchObject({ ongoing: 0, waiting: 0 });
  });

  it('is cancelled under its id on the server', async () => {
    const rig = await filledRelay();
    const client = new RelayClient(rig);
    client.ask('"c"');
    client.cancel('"c"');
    await settle();
    const id = lastId(rig.engine.last, 'tools/call');
    expect(linesOf(rig.engine.last, 'notifications/cancelled')).toMatchObject([{ params: { requestId: id } }]);
    rig.engine.last.say(answer(id));
    await settle();
    expect([client.texts, rig.server.pool.stats().ongoing, rig.server.unexpected]).toEqual([[], 0, 1]);
  });

  it('is cancelled with all the others when its channel closes', async () => {
    const rig = await filledRelay();
    const client = new RelayClient(rig);
    for (const id of ['1', '"1"', '2']) client.ask(id);
    await settle();
    const ids = linesOf(rig.engine.last, 'tools/call').map(({ id }) => id);
    await client.close();
    await settle();
    const cancelled = linesOf(rig.engine.last, 'notifications/cancelled').map(({ params }) => params?.['requestId']);
    expect([cancelled, rig.server.pool.stats().ongoing]).toEqual([ids, 0]);
  });

  it('fails with its server, and the next one gets another', async () => {
    const rig = await filledRelay();
    const client = new RelayClient(rig);
    client.ask('"lost"');
    await settle();
    rig.engine.last.exit({ code: 9, signal: undefined });
    await rig.clock.advance(3000);
    expect(client.failures).toMatchObject([{ id: 'lost', error: { code: 'UPSTREAM_EXITED' }, wasSent: true }]);
    client.ask('"next"');
    await settle();
    rig.engine.last.say(answer(lastId(rig.engine.last, 'tools/call')));
    await settle();
    expect(client.methods).toEqual(['result']);
  });

  it('gets the log lines that can only be its own, with the request that they belong to', async () => {
    const rig = await filledRelay();
    const [asks, asksNot] = [new RelayClient(rig), new RelayClient(rig)];
    asks.ask('"l"', 'tools/call', {}, 'info');
    asksNot.ask('1');
    await settle();
    rig.engine.last.say({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 1 } });
    await settle();
    expect([asks.methods, asks.causes, asksNot.texts]).toEqual([['notifications/message'], ['l'], []]);
  });

  it('makes a client that does not read a flood, not what made it fall behind', async () => {
    const rig = await filledRelay({ maxLineBytes: 16 * 1024 ** 2 });
    const client = new RelayClient(rig);
    client.ask('1');
    client.ask('2');
    client.pause();
    await settle();
    const [first, second] = linesOf(rig.engine.last, 'tools/call');
    rig.engine.last.say({ jsonrpc: '2.0', id: first?.id, result: { text: 'x'.repeat(3 * 1024 * 1024) } });
    await settle();
    const before = client.floods;
    rig.engine.last.say({ jsonrpc: '2.0', id: second?.id, result: { text: 'x'.repeat(3 * 1024 * 1024) } });
    await settle();
    expect([before, client.floods]).toEqual([0, 1]);
  });

  it('is not sent to a server that is to prove that it lives, after one was cancelled without a word', async () => {
    const rig = await filledRelay({ pool: { min: 1, max: 1 } }, { onLine: answerDiscover });
    const client = new RelayClient(rig);
    client.ask('1');
    await rig.clock.advance(2000);
    client.cancel('1');
    await rig.clock.advance(400);
    expect(linesOf(rig.engine.last, 'server/discover')).toHaveLength(2);
  });
});

describe('RelayServer, health,', () => {
  it('is asked for by server/discover: one that does not answer is replaced', async () => {
    let isDeaf = false;
    const rig = await filledRelay({ pingIntervalMs: 1000 }, (count) => ({
      onLine: (line, child) => {
        if (!isDeaf || count > 0) answerDiscover(line, child);
      },
    }));
    const [first] = rig.engine.children;
    await rig.clock.advance(1500);
    isDeaf = true;
    await rig.clock.advance(20_000);
    expect(linesOf(first!).every(({ method }) => method === 'server/discover')).toBe(true);
    expect([first!.isGone, rig.server.pool.isRunning]).toEqual([true, true]);
  });
});

describe('RelayServer.unexpected', () => {
  it('counts what belonged to nothing, also of containers that are gone', async () => {
    const rig = await filledRelay({}, modern);
    rig.engine.last.say(JSON.parse(subscribed(5, 'tools/list_changed')) as object);
    rig.engine.last.say(JSON.parse(lastWord(5)) as object);
    await settle();
    const before = rig.server.unexpected;
    rig.engine.last.exit();
    await rig.clock.advance(3000);
    expect([before, rig.server.unexpected]).toEqual([2, 2]);
  });
});

describe('RelayServer, draining,', () => {
  it('takes nothing new', async () => {
    const rig = await filledRelay();
    rig.server.pool.drain();
    const client = new RelayClient(rig);
    client.ask('1');
    client.listen('2', {});
    await settle();
    expect(client.failures.map(({ error }) => error.code)).toEqual(['DRAINING', 'DRAINING']);
  });
});
