import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { createServer, type AddressInfo } from 'node:net';
import { containersOf, fixtureImage } from '../support/containers.ts';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { connect, initialize, post, RawSession, textOf, type Answer } from '../support/mcp-client.ts';
import { serve, temporaryFolder, type Program, type ServeOptions } from '../support/program.ts';
import { trouble } from '../support/trouble.ts';
import { timed, until } from '../support/until.ts';

jest.setTimeout(containerTestMs);

const reasonOf = ({ message }: Answer): string | undefined => message?.error?.data?.gangway?.reason;

describeEachEngine('The end of a bridge', (engine) => {
  let image: string;
  /** Everything that was started: to be looked for in the end. */
  const instances: string[] = [];

  beforeAll(async () => {
    image = await fixtureImage(engine);
  });

  afterAll(async () => {
    for (const instance of instances) expect(await containersOf(engine, instance)).toEqual([]);
  });

  async function start(options: ServeOptions = {}): Promise<Program> {
    const run = (name: string): object => ({
      ...{ image, args: [`/servers/${name}.mjs`], network: 'none', pull: 'never' },
      ...{ startTimeout: '60s', callTimeout: '5m', pool: { warm: 0, acquireTimeout: '60s' } },
    });
    const servers = { good: run('well-behaved'), stubborn: run('ignores-eof-and-sigterm') };
    const args = ['--engine', engine, ...(options.args ?? [])];
    const bridge = await serve({ servers }, { ...options, args });
    instances.push((await bridge.status()).instance);
    await bridge.waitForLine(/✓ good is ready/, 60_000);
    return bridge;
  }

  async function callsInFlight(bridge: Program, count: number): Promise<void> {
    await until(`${count} calls`, async () => (await bridge.status()).callsInFlight === count);
  }

  /** Exit code, time and containers left of a bridge that ends. */
  async function ending(bridge: Program, how: () => unknown): Promise<{ code: unknown; left: unknown[]; ms: number }> {
    const { instance } = await bridge.status();
    const { ms, result: code } = await timed(async () => {
      how();
      return bridge.ended;
    });
    return { code, left: await containersOf(engine, instance), ms };
  }

  it('by a signal loses none of 30 calls, and one that never ends is over in 25 s', async () => {
    await using patient = await start();
    await using endless = await start();

    const thirtyCalls = async (): Promise<void> => {
      const sessions = await Promise.all([1, 2, 3].map(() => RawSession.open(patient.url, 'good')));
      const listening = await sessions[0]!.listen();
      const calls = sessions.flatMap((session, s) =>
        Array.from({ length: 10 }, (_, n) => session.call('sleep', { ms: 2500 + 250 * (10 * s + n) })),
      );
      await callsInFlight(patient, 30);
      const end = ending(patient, () => {
        patient.signal('SIGTERM');
      });
      await patient.waitForLine(/"draining"/);
      expect((await fetch(`${patient.url}/readyz`)).status).toBe(503);
      const late = await post(`${patient.url}/good/mcp`, initialize());
      expect([late.status, reasonOf(late), late.headers.get('connection')]).toEqual([503, 'DRAINING', 'close']);
      const answers = await Promise.all(calls);
      expect(answers.map(({ message }) => textOf(message?.result))).toEqual(Array<string>(30).fill('slept'));
      await listening.ended;
      const { code, left, ms } = await end;
      note(engine, '30 calls of up to 10 s in flight, SIGTERM to exit:', ms);
      expect({ code, left }).toEqual({ code: 0, left: [] });
      expect(ms).toBeLessThan(25_000);
    };

    const oneEndlessCall = async (): Promise<void> => {
      const session = await RawSession.open(endless.url, 'stubborn');
      const call = session.call('sleep', { ms: 600_000 });
      await callsInFlight(endless, 1);
      const { code, left, ms } = await ending(endless, () => {
        endless.signal('SIGTERM');
      });
      note(engine, 'a call that never ends, SIGTERM to exit:', ms);
      expect(reasonOf(await call)).toBe('DRAINING');
      expect({ code, left }).toEqual({ code: 0, left: [] });
      expect(ms).toBeGreaterThan(19_000);
      expect(ms).toBeLessThan(25_000);
    };

    await Promise.all([thirtyCalls(), oneEndlessCall()]);
  });

  it('by a second signal is over in 5 s, containers and all', async () => {
    await using bridge = await start();
    const session = await RawSession.open(bridge.url, 'stubborn');
    const call = session.call('sleep', { ms: 600_000 });
    await callsInFlight(bridge, 1);
    bridge.signal('SIGTERM');
    await bridge.waitForLine(/"draining"/);
    const { code, left, ms } = await ending(bridge, () => {
      bridge.signal('SIGINT');
    });
    note(engine, 'second signal to exit:', ms);
    expect(reasonOf(await call)).toBe('DRAINING');
    expect({ code, left }).toEqual({ code: 1, left: [] });
    expect(ms).toBeLessThan(5500);
  });

  it.each(['throw', 'reject'] as const)('by a fault that nobody caught (%s) is over in 5 s too', async (kind) => {
    await using bridge = await start({ env: trouble(kind) });
    const session = await RawSession.open(bridge.url, 'stubborn');
    const call = session.call('sleep', { ms: 600_000 });
    await callsInFlight(bridge, 1);
    const { code, left, ms } = await ending(bridge, () => {
      bridge.signal('SIGUSR2');
    });
    note(engine, 'a fault to exit:', ms);
    expect(reasonOf(await call)).toBe('DRAINING');
    expect({ code, left }).toEqual({ code: 1, left: [] });
    expect(ms).toBeLessThan(5500);
    expect(bridge.stderr.join('\n')).toContain('a fault in Gangway: injected');
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'by %s and a new start: the old session is 404, and a client begins again',
    async (signal) => {
      using folder = temporaryFolder();
      const port = String(await freePort());
      await using first = await start({ folder: folder.path, args: ['--port', port] });
      await using connected = await connect(first.url, 'good');
      const call = { name: 'echo', arguments: { text: 'hello' } };
      expect(textOf(await connected.client.callTool(call))).toBe('hello');
      await first.stop(signal);

      const { ms, result: second } = await timed(() => start({ folder: folder.path, args: ['--port', port] }));
      await using restarted = second;
      await expect(connected.client.callTool(call)).rejects.toMatchObject({ code: 404 });
      const again = await timed(async () => {
        await using fresh = await connect(restarted.url, 'good');
        return textOf(await fresh.client.callTool(call));
      });
      expect(again.result).toBe('hello');
      note(engine, `after ${signal}: new start to ready ${Math.round(ms)} ms, then to the first answer`, again.ms);
      expect(ms + again.ms).toBeLessThan(30_000);
    },
  );
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await until('a port', () => server.listening);
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A figure for whoever reads the run. */
function note(engine: string, what: string, ms: number): void {
  process.stderr.write(`    ${engine}: ${what} ${Math.round(ms)} ms\n`);
}
