import { describe, expect, it } from '@jest/globals';
import { BridgeError } from '../../src/base/errors.ts';
import { version } from '../../src/base/version.ts';
import { shakeHands, type Handshake } from '../../src/upstream/handshake.ts';
import { legacyWire } from '../../src/upstream/legacy-wire.ts';
import { SharedUpstream } from '../../src/upstream/shared-upstream.ts';
import { startUpstream } from '../../src/upstream/start.ts';
import { FakeEngine, type FakeChild, type Habit } from '../support/fake-engine.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { serverConfig, startContext } from '../support/pool-rig.ts';

interface Rig {
  readonly clock: ManualClock;
  readonly child: FakeChild;
  /** What became of the handshake. */
  readonly outcome: { value?: Handshake; error?: BridgeError };
}

/** A handshake that has just begun, with a server that says nothing unless its habit says so. */
async function begin(habit: Habit = {}, maxLineBytes = 64 * 1024 ** 2): Promise<Rig> {
  const clock = new ManualClock();
  const engine = new FakeEngine(clock, { onLine: () => undefined, ...habit });
  const context = startContext(clock);
  const upstream = startUpstream(engine, serverConfig({ maxLineBytes }), { kind: 'image', image: 'x' }, context);
  const wire = legacyWire({ maxCallTimeMs: 1000, clock, onBroadcast: () => undefined });
  const outcome: Rig['outcome'] = {};
  shakeHands(new SharedUpstream(upstream, { maxLineBytes, wire }), 5000, clock).then(
    (value) => (outcome.value = value),
    (error: unknown) => {
      if (!(error instanceof BridgeError)) throw error;
      outcome.error = error;
    },
  );
  await settle();
  return { clock, child: engine.last, outcome };
}

/** A handshake with a server that answers `initialize` with these bytes in place of `"result"` or `"error"`. */
async function answered(member: string): Promise<Rig> {
  return begin({
    onLine: (line, child) => {
      const { id, method } = JSON.parse(line) as { id?: number; method: string };
      if (method === 'initialize') child.say(`{"jsonrpc":"2.0","id":${id},${member}}`);
    },
  });
}

describe('shakeHands()', () => {
  it('sends initialize, in the newest revision that has one, with all that a client can do', async () => {
    const { child } = await begin();
    expect(child.received.map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        ...{ jsonrpc: '2.0', id: 1, method: 'initialize' },
        params: {
          protocolVersion: '2025-11-25',
          capabilities: { roots: {}, sampling: {}, elicitation: { form: {}, url: {} } },
          clientInfo: { name: 'gangway', version: version() },
        },
      },
    ]);
  });

  it('says that it is initialized when the server has answered, not before', async () => {
    const silent = await begin();
    expect(silent.child.received.length).toBe(1);
    const { child } = await answered('"result":{"protocolVersion":"2025-06-18","capabilities":{}}');
    await settle();
    expect(child.received.slice(1)).toEqual(['{"jsonrpc":"2.0","method":"notifications/initialized"}']);
  });

  it('gives what the server said, whole', async () => {
    const result = {
      ...{ protocolVersion: '2024-11-05', capabilities: { tools: { listChanged: true }, odd: [1] } },
      ...{ serverInfo: { name: 's', version: '1' }, instructions: 'be kind', _meta: { more: null } },
    };
    const { outcome } = await answered(`"result":${JSON.stringify(result)}`);
    expect(outcome.value).toEqual({
      ...{ protocolVersion: '2024-11-05', capabilities: result.capabilities, result },
    });
  });

  it.each([
    ['no protocolVersion', '{"capabilities":{}}'],
    ['a protocolVersion that is a number', '{"protocolVersion":20250618,"capabilities":{}}'],
    ['no capabilities', '{"protocolVersion":"2025-11-25"}'],
    ['capabilities that are a list', '{"protocolVersion":"2025-11-25","capabilities":[]}'],
    ['a result that is a text', '"2025-11-25"'],
    ['a result that is null', 'null'],
    [
      'a million levels',
      `{"protocolVersion":"2025-11-25","capabilities":{"x":${'['.repeat(999_000)}${']'.repeat(999_000)}}}`,
    ],
  ])('is START_FAILED when the answer has %s', async (_what, result) => {
    const { outcome, child } = await answered(`"result":${result}`);
    expect(outcome.error).toMatchObject({
      ...{ code: 'START_FAILED', message: 'Cannot start the server: its answer to "initialize" is not one' },
    });
    expect(child.received.length).toBe(1);
  });

  it('is START_FAILED when the server answers with an error', async () => {
    const { outcome } = await answered('"error":{"code":-32602,"message":"no"}');
    expect(outcome.error).toMatchObject({
      ...{ code: 'START_FAILED', message: 'Cannot start the server: it answered "initialize" with an error' },
    });
  });

  it('is not polluted by an answer with the names of prototypes', async () => {
    const { outcome } = await answered(
      '"result":{"protocolVersion":"2025-11-25","capabilities":{"__proto__":{"polluted":1}},"__proto__":{"polluted":1}}',
    );
    expect(outcome.value?.protocolVersion).toBe('2025-11-25');
    expect([outcome.value?.capabilities['polluted'], ({} as Record<string, unknown>)['polluted']]).toEqual([
      undefined,
      undefined,
    ]);
  });

  it('is UPSTREAM_GARBLED when the answer is no message', async () => {
    const { outcome } = await answered('"result":{},"error":{}');
    expect(outcome.error?.code).toBe('UPSTREAM_GARBLED');
  });

  it('is UPSTREAM_GARBLED when the answer is too long', async () => {
    const { outcome, child } = await begin({}, 1000);
    child.say(`{"jsonrpc":"2.0","id":1,"result":{"x":"${'y'.repeat(1000)}"}}`);
    await settle();
    expect(outcome.error).toMatchObject({ code: 'UPSTREAM_GARBLED', data: { maxLineBytes: 1000 } });
  });

  it('is READY_TIMEOUT when the server is silent', async () => {
    const { outcome, clock, child } = await begin();
    child.stderr.write('thinking\n');
    await clock.advance(4999);
    expect(outcome).toEqual({});
    await clock.advance(1);
    expect(outcome.error).toMatchObject({ code: 'READY_TIMEOUT', data: { waitedMs: 5000, stderr: ['thinking'] } });
  });

  it('is READY_TIMEOUT when the server says everything but the answer', async () => {
    const { outcome, clock, child } = await begin();
    child.say('Server running on stdio');
    child.say('{"jsonrpc":"2.0","id":"1","result":{"protocolVersion":"2025-11-25","capabilities":{}}}');
    child.say('{"jsonrpc":"2.0","id":7,"method":"ping"}');
    await clock.advance(5000);
    expect([outcome.error?.code, child.received.at(-1)]).toEqual([
      'READY_TIMEOUT',
      '{"jsonrpc":"2.0","id":7,"result":{}}',
    ]);
  });

  it('is START_FAILED, with how it ended, when the server ends', async () => {
    const { outcome, clock, child } = await begin();
    child.stderr.write('no key\n');
    child.exit({ code: 3, signal: undefined });
    await clock.advance(1000);
    expect(outcome.error).toMatchObject({
      code: 'START_FAILED',
      message: 'Cannot start the server: it ended with exit code 3 before it was ready',
      data: { exitCode: 3, stderr: ['no key'] },
    });
  });

  it('is START_FAILED at once with a server that has ended before', async () => {
    const { outcome, clock } = await begin({ exits: { code: 127, signal: undefined } });
    await clock.advance(200);
    expect(outcome.error).toMatchObject({ code: 'START_FAILED', data: { exitCode: 127 } });
  });

  it('leaves no timer behind', async () => {
    const { clock, outcome } = await answered('"result":{"protocolVersion":"2025-06-18","capabilities":{}}');
    expect([outcome.value?.protocolVersion, clock.pending]).toEqual(['2025-06-18', 0]);
  });
});
