import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { textOf } from '../support/mcp-client.ts';
import { ModernClient, type ModernAnswer, type ModernOptions } from '../support/modern-http.ts';
import { childrenOf, isAlive } from '../support/processes.ts';
import { fixture, serve, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

jest.setTimeout(30_000);

interface Told {
  readonly pid: number;
  readonly hello: { readonly capabilities: object; readonly clientInfo: object; readonly protocolVersion: string };
  readonly methods: readonly string[];
}

let bridge: Program;

beforeAll(async () => {
  const server = { command: fixture('told'), modern: 'per-call', inputTimeout: '1s', pool: { warm: 0, max: 3 } };
  bridge = await serve({ servers: { own: server } }, { args: ['--allow-process'] });
});

afterAll(async () => {
  await bridge[Symbol.asyncDispose]();
});

afterEach(async () => {
  await until('no process to be left', () => processes().length === 0);
});

const able = { capabilities: { elicitation: {}, roots: {} }, clientInfo: { name: 'ada', version: '9' } };
const clientOf = (more: ModernOptions = able): ModernClient => new ModernClient(bridge.url, 'own/mcp', more);
const resultOf = ({ message }: ModernAnswer): Record<string, unknown> => message?.result as Record<string, unknown>;
const toldIn = (answer: ModernAnswer): Told => JSON.parse(textOf(resultOf(answer))) as Told;
const processes = (): number[] =>
  childrenOf(bridge.pid).flatMap(({ pid, environment }) => (environment.get('GANGWAY_SERVER') === 'own' ? [pid] : []));

describe('modern: per-call', () => {
  it('gives each call a process of its own, which is gone after it', async () => {
    const client = clientOf();
    const [one, two] = [toldIn(await client.call('told')), toldIn(await client.call('told'))];
    expect(one.pid).not.toBe(two.pid);
    await until('both to be gone', () => !isAlive(one.pid) && !isAlive(two.pid));
  });

  it('initialises it as the client of this very call', async () => {
    const one = toldIn(await clientOf().call('told'));
    const two = toldIn(await clientOf({ clientInfo: { name: 'bob', version: '1' } }).call('told'));
    expect([one.hello, two.hello]).toEqual([
      { protocolVersion: '2025-11-25', ...able },
      { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bob', version: '1' } },
    ]);
    expect(one.methods.slice(0, 2)).toEqual(['initialize', 'notifications/initialized']);
  });

  it('keeps the process for the round of a call that needs input, and ends it after', async () => {
    const client = clientOf();
    const round = resultOf(await client.call('ask'));
    expect(round).toMatchObject({ resultType: 'input_required' });
    const [kept] = processes();
    const [key = ''] = Object.keys(round['inputRequests'] as object);
    const answer = { action: 'accept', content: { name: 'Ada' } };
    const last = await client.goOn('ask', {}, round, { [key]: answer });
    expect(JSON.parse(textOf(resultOf(last)))).toEqual({ pid: kept, answer });
  });

  it('ends the process when nobody comes back to a round in time', async () => {
    const client = clientOf();
    const round = resultOf(await client.call('ask'));
    await until('it to be gone', () => processes().length === 0);
    const late = await client.goOn('ask', {}, round, {});
    expect([late.status, late.message?.error?.code]).toEqual([200, -32602]);
    expect(late.message?.error?.data?.gangway?.reason).toBe('ROUND_UNKNOWN');
  });

  it('answers server/discover, and promises no changes that nobody would hear of', async () => {
    const result = resultOf(await clientOf().ask('server/discover'));
    expect(result).toMatchObject({ resultType: 'complete', supportedVersions: ['2026-07-28'] });
    expect(result['capabilities']).toEqual({ tools: {}, logging: {} });
  });

  it('acknowledges subscriptions/listen with nothing, and keeps no process for it', async () => {
    const stream = await clientOf().stream('subscriptions/listen', { notifications: { toolsListChanged: true } });
    await until('the acknowledgement', () => stream.messages().length > 0);
    expect(stream.messages()).toMatchObject([
      { method: 'notifications/subscriptions/acknowledged', params: { notifications: {} } },
    ]);
    await until('no process', () => processes().length === 0);
    expect((await bridge.status()).listening).toBe(1);
    stream.cut();
    await until('the stream to be over', async () => (await bridge.status()).listening === 0);
  });

  it('ends the process of a call whose client vanishes', async () => {
    const vanish = clientOf().begin('wait');
    await until('its process', () => processes().length === 1);
    const [pid = 0] = processes();
    await until('the call', async () => (await bridge.status()).callsInFlight === 1);
    vanish();
    await until('it to be gone', () => !isAlive(pid));
    expect((await bridge.status()).callsInFlight).toBe(0);
  });

  it('logs from the level that the call asks for, and nothing to one that asks for none', async () => {
    const client = clientOf();
    const [some, none] = [await client.call('log', {}, { logLevel: 'info' }), await client.call('log')];
    expect(some.before.map(({ params }) => (params as { level: string }).level)).toEqual(['info', 'error']);
    expect([textOf(resultOf(some)), none.before, textOf(resultOf(none))]).toEqual(['info', [], 'undefined']);
  });
});
