import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { fixtureImage } from '../support/containers.ts';
import { containerTestMs, isWanted } from '../support/engines.ts';
import { initialize, post, RawSession, textOf, type Answer } from '../support/mcp-client.ts';
import { OwnDockerd, whyNoDockerd } from '../support/own-dockerd.ts';
import { serve, type Program } from '../support/program.ts';
import { timed, until } from '../support/until.ts';

jest.setTimeout(2 * containerTestMs);

const why = isWanted('docker') ? whyNoDockerd() : 'this run is about another engine';
if (why !== undefined) process.stderr.write(`    no Docker daemon of our own: ${why}\n`);

(why === undefined ? describe : describe.skip)('A Docker daemon', () => {
  let dockerd: OwnDockerd;
  let bridge: Program;

  beforeAll(async () => {
    const image = await fixtureImage('docker');
    dockerd = await OwnDockerd.start();
    await dockerd.copyImage(image);
    const run = (name: string): object => ({
      ...{ image, args: [`/servers/${name}.mjs`], network: 'none', pull: 'never' },
      ...{ startTimeout: '60s', pingInterval: '1h', pool: { warm: 0, max: 30, acquireTimeout: '60s' } },
    });
    const servers = { stubborn: run('ignores-eof-and-sigterm'), polite: run('well-behaved') };
    bridge = await serve({ servers }, { args: ['--engine', 'docker'], env: { DOCKER_HOST: dockerd.host } });
    await until('readiness', async () => (await fetch(`${bridge.url}/readyz`)).ok);
  });

  afterAll(async () => {
    await bridge[Symbol.asyncDispose]();
    await dockerd[Symbol.asyncDispose]();
  });

  const reason = ({ message }: Answer): unknown => message?.error?.data?.gangway?.reason;
  const attempt = (): Promise<Answer> => post(`${bridge.url}/polite/mcp`, initialize());
  const ready = async (): Promise<object> => {
    const response = await fetch(`${bridge.url}/readyz`);
    return [response.status, await response.json()];
  };
  const unavailable = [503, { status: 'not ready', reason: 'engine_unavailable' }];

  /** How long it takes until a new session can be opened, and one is. */
  const opened = (): Promise<{ ms: number; result: RawSession }> =>
    timed(() => until('a session', () => RawSession.open(bridge.url, 'polite'), { limitMs: 20_000 }));

  it('that is killed and started again: calls end with ENGINE_LOST, nothing is left, and soon all is well', async () => {
    const sessions = [await RawSession.open(bridge.url, 'stubborn'), await RawSession.open(bridge.url, 'polite')];
    const left = await dockerd.containers();
    expect(left).toHaveLength(2);
    const pending = Promise.all(sessions.map((session) => session.call('sleep', { ms: 600_000 })));
    await until('two calls', async () => (await bridge.status()).callsInFlight === 2);

    const killed = dockerd.signal('SIGKILL');
    const { ms: answeredMs, result: answers } = await timed(() => pending);
    await killed;
    expect(answers.map(reason)).toEqual(['ENGINE_LOST', 'ENGINE_LOST']);
    expect(answeredMs).toBeLessThan(2000);
    for (const session of sessions) expect((await session.call('echo', { text: 'x' })).status).toBe(404);

    await until('the bridge to notice', async () => (await fetch(`${bridge.url}/readyz`)).status === 503);
    expect(await ready()).toEqual(unavailable);
    const refused = await timed(attempt);
    expect([refused.result.status, reason(refused.result)]).toEqual([503, 'ENGINE_UNAVAILABLE']);
    expect(refused.ms).toBeLessThan(1000);

    await dockerd.start();
    const { ms, result: session } = await opened();
    note(`dockerd killed: calls answered after ${Math.round(answeredMs)} ms; a session, once it is back, after`, ms);
    expect(ms).toBeLessThan(5000);
    await until('the leftovers to be gone', async () => {
      const names = await dockerd.containers();
      return !names.some((name) => left.includes(name)) && names.length === 1;
    });
    await until('them to be forgotten', async () => (await bridge.status()).containers === 1);
    expect(await bridge.status()).toMatchObject({
      leaked: [],
      servers: { polite: { deaths: { total: 1, engineLost: 1 } }, stubborn: { deaths: { engineLost: 1 } } },
    });
    expect(await session.delete()).toBe(200);
  });

  it('that hangs: new sessions are refused, soon at once, and those that live go on when it does', async () => {
    const living = await RawSession.open(bridge.url, 'polite');
    await dockerd.signal('SIGSTOP');
    // Nobody can know at once: it may only be slow.
    const first = await timed(attempt);
    expect([first.result.status, reason(first.result)]).toEqual([503, 'ENGINE_UNAVAILABLE']);
    expect(first.ms).toBeLessThan(15_000);
    expect(await ready()).toEqual(unavailable);
    const crowd = await timed(() => Promise.all(Array.from({ length: 20 }, attempt)));
    expect(new Set(crowd.result.map(reason))).toEqual(new Set(['ENGINE_UNAVAILABLE']));
    expect(crowd.ms).toBeLessThan(2000);

    await dockerd.signal('SIGCONT');
    const { ms, result: session } = await opened();
    note(`dockerd hung: refused after ${Math.round(first.ms)} ms, then at once; a session, once it goes on, after`, ms);
    expect(ms).toBeLessThan(5000);
    expect(textOf((await living.call('echo', { text: 'still here' })).message?.result)).toBe('still here');
    expect([await living.delete(), await session.delete()]).toEqual([200, 200]);
    await until('nothing to be left', async () => (await dockerd.containers()).length === 0, { limitMs: 20_000 });
    await until('nothing to be held', async () => (await bridge.status()).containers === 0, { limitMs: 20_000 });
  });
});

/** A figure for whoever reads the run. */
function note(what: string, ms: number): void {
  process.stderr.write(`    docker: ${what} ${Math.round(ms)} ms\n`);
}
