import { afterAll, afterEach, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import { containersOf, fixtureImage, uncounted } from '../support/containers.ts';
import { containerProcesses, countProcesses, pauseContainer } from '../support/container-processes.ts';
import type { ContainerProcesses } from '../support/container-processes.ts';
import { containerTestMs, describeEachEngine } from '../support/engines.ts';
import { RawSession, textOf, type Answer } from '../support/mcp-client.ts';
import { isAlive, residentBytes } from '../support/processes.ts';
import { serve, type Program } from '../support/program.ts';
import { timed, until } from '../support/until.ts';

jest.setTimeout(containerTestMs);

const secret = 'a-token-that-nobody-may-see';

describeEachEngine('A server', (engine) => {
  let bridge: Program;
  let instance: string;
  /** A session of another server, which talks all the time. */
  let control: RawSession;
  let conversation: { end: () => Promise<number> };
  const opened: RawSession[] = [];

  beforeAll(async () => {
    const image = await fixtureImage(engine);
    const run = (name: string, more: object = {}): object => ({
      ...{ image, args: [`/servers/${name}.mjs`], network: 'none', pull: 'never' },
      ...{ startTimeout: '60s', pool: { warm: 0, acquireTimeout: '60s' }, ...more },
    });
    const servers = {
      control: run('well-behaved'),
      mortal: run('ignores-eof-and-sigterm'),
      leaver: run('leaves-when-told', { env: { TOKEN: '${SECRET_TOKEN}' } }),
      slow: run('ignores-eof-and-sigterm', { callTimeout: '2s' }),
      pinged: run('keeps-a-record', { pingInterval: '1s' }),
      hog: run('memory-hog', { resources: { memory: '64m' } }),
      bomb: run('fork-bomb', { resources: { pids: 40, cpus: 0.5 } }),
      closer: run('closes-stdout', { pingInterval: '1s' }),
      long: run('long-line'),
    };
    bridge = await serve(
      { defaults: uncounted, servers },
      { args: ['--engine', engine], env: { SECRET_TOKEN: secret } },
    );
    instance = (await bridge.status()).instance;
    await bridge.waitForLine(/✓ control is ready/, 60_000);
    control = await RawSession.open(bridge.url, 'control');
  });

  afterAll(async () => {
    await bridge[Symbol.asyncDispose]();
    expect(await containersOf(engine, instance)).toEqual([]);
  });

  beforeEach(() => {
    conversation = talk(control);
  });

  /** Whatever happened, the control session has noticed nothing, and nothing is left of the server that failed. */
  afterEach(async () => {
    for (const session of opened.splice(0)) await session.delete();
    expect(await conversation.end()).toBeGreaterThan(0);
    await until('the control’s container alone to be left', async () => (await names()).length === 1);
    await until('the bridge to hold none but that', async () => (await bridge.status()).containers === 1);
  });

  const names = async (server = ''): Promise<string[]> =>
    (await containersOf(engine, instance)).map(({ name }) => name).filter((name) => name.includes(`gangway-${server}`));

  async function open(server: string): Promise<RawSession> {
    const session = await RawSession.open(bridge.url, server);
    opened.push(session);
    return session;
  }

  /** A session with some calls that will never be answered. */
  async function busy(
    server: string,
    calls: number,
  ): Promise<{ session: RawSession; name: string; pids: ContainerProcesses; pending: Promise<Answer[]> }> {
    const session = await open(server);
    const [name = ''] = await names(server);
    const ids = Array.from({ length: calls }, (_, i) => i + 1000);
    const pending = Promise.all(ids.map((id) => session.call('sleep', { ms: 600_000 }, { id })));
    // Those before it have been read.
    await session.call('echo', { text: 'x' });
    await until('the calls', async () => (await bridge.status()).callsInFlight >= calls);
    return { session, name, pids: await containerProcesses(engine, name), pending };
  }

  /** Waits for the first ping, which the server answers: from now on its silence means something. */
  async function pinged(session: RawSession): Promise<void> {
    const heard = async (): Promise<string> => textOf((await session.call('heard')).message?.result);
    await until('a ping', async () => (await heard()).includes('ping'), { everyMs: 100 });
  }

  /** What a pending call was told. */
  const facts = ({ status, message }: Answer): Record<string, unknown> => ({
    ...{ status, id: message?.id, code: message?.error?.code },
    ...message?.error?.data?.gangway,
  });

  /** How long it takes until a container is gone. */
  async function gone(name: string): Promise<number> {
    const { ms } = await timed(() =>
      until(`${name} to be gone`, async () => !(await names()).includes(name), { everyMs: 50 }),
    );
    return ms;
  }

  it('that is killed with 20 calls pending: all 20 are told how it ended, and its session is over', async () => {
    const { session, pids, pending } = await busy('mortal', 20);
    process.kill(pids.server, 'SIGKILL');
    const { ms, result: answers } = await timed(() => pending);
    note(engine, '20 pending calls are answered after the kill in', ms);
    expect(answers.map(facts)).toEqual(
      answers.map((_, i) => ({
        ...{ status: 200, id: 1000 + i, code: -32603 },
        ...{ reason: 'UPSTREAM_EXITED', retryable: true, retryAfterMs: 1000 },
        ...{ exitCode: 137, signal: 'SIGKILL', stderr: [] },
      })),
    );
    expect(ms).toBeLessThan(2000);
    expect((await session.call('echo', { text: 'x' })).status).toBe(404);
  });

  it('that leaves by itself between two calls: the next is 404, the log has its exit code and last words, masked', async () => {
    const session = await open('leaver');
    expect(textOf((await session.call('leave')).message?.result)).toBe('bye');
    expect(JSON.parse(await bridge.waitForLine(/session closed.*going home|going home.*session closed/))).toMatchObject(
      {
        ...{ reason: 'upstream-ended', exitCode: 0 },
        stderr: ['going home, and my token is [redacted]'],
      },
    );
    expect((await session.call('leave')).status).toBe(404);
    expect(bridge.stderr.join('\n')).not.toContain(secret);
  });

  it('that is paused: its calls time out, and DELETE still removes it within 5 s', async () => {
    const session = await open('slow');
    const [name = ''] = await names('slow');
    await pauseContainer(engine, name);
    expect(facts(await session.call('echo', { text: 'x' }))).toMatchObject({ reason: 'CALL_TIMEOUT' });
    expect(await session.delete()).toBe(200);
    const ms = await gone(name);
    note(engine, 'a paused container is gone after', ms);
    expect(ms).toBeLessThan(5000);
  });

  it('that is paused and asked nothing is found out by its ping, and removed', async () => {
    const session = await open('pinged');
    const [name = ''] = await names('pinged');
    await pinged(session);
    await pauseContainer(engine, name);
    // Two periods, the grace of a second, and the removal.
    note(engine, 'a paused, idle container is gone after', await gone(name));
    expect((await session.call('echo', { text: 'x' })).status).toBe(404);
  });

  it.each(['client', 'monitor'] as const)(
    'whose %s is killed: its calls are answered, and it is removed within 5 s although it ignores the end of its input',
    async (victim) => {
      const { name, pids, pending } = await busy('mortal', 3);
      process.kill(pids[victim], 'SIGKILL');
      const whenGone = gone(name);
      const { ms, result: answers } = await timed(() => pending);
      const goneMs = await whenGone;
      note(engine, `killed ${victim}: calls answered after ${Math.round(ms)} ms, container gone after`, goneMs);
      expect(answers.map(facts)).toEqual(
        [1000, 1001, 1002].map((id) => expect.objectContaining({ id, code: -32603, reason: 'UPSTREAM_EXITED' })),
      );
      expect(goneMs).toBeLessThan(5000);
      await until('its processes to be gone', () => !isAlive(pids.server) && !isAlive(pids.init));
    },
  );

  it('that has no memory left: its caller, the log and the status are told so, with the limit', async () => {
    const session = await open('hog');
    const { message } = await session.call('hog');
    expect(message?.error?.message).toBe(
      'Cannot finish the request: the server was killed by the kernel for lack of memory (limit 64m) while it was pending',
    );
    const told = { exitCode: 137, signal: 'SIGKILL', oomKilled: true, memoryLimit: '64m' };
    expect(message?.error?.data?.gangway).toMatchObject({ reason: 'UPSTREAM_EXITED', ...told });
    expect(JSON.parse(await bridge.waitForLine(/oomKilled/))).toMatchObject({
      reason: 'upstream-ended',
      ...told,
      stderr: ['taking it all'],
    });
    expect((await bridge.status()).servers['hog']).toMatchObject({ deaths: { total: 1, oomKilled: 1 } });
  });

  it('that is killed otherwise is not said to have had no memory', async () => {
    const { pids, pending } = await busy('mortal', 1);
    process.kill(pids.server, 'SIGKILL');
    expect((await pending).map(facts)).not.toContainEqual(expect.objectContaining({ oomKilled: true }));
    expect((await bridge.status()).servers['mortal']).toMatchObject({ deaths: { oomKilled: 0 } });
  });

  it('that is a fork bomb stays within its limit of processes, and can be removed', async () => {
    const session = await open('bomb');
    const [name = ''] = await names('bomb');
    const { init } = await containerProcesses(engine, name);
    await session.call('bomb');
    let most = 0;
    await until('the bomb to go off', () => (most = Math.max(most, countProcesses(init))) > 25);
    expect(await session.delete()).toBe(200);
    const ms = await gone(name);
    note(engine, `a fork bomb of ${most} processes is gone after`, ms);
    expect(most).toBeLessThanOrEqual(40);
    expect(ms).toBeLessThan(10_000);
  });

  it('that closes its output and lives on is found out by its ping, and removed', async () => {
    const session = await open('closer');
    const [name = ''] = await names('closer');
    await pinged(session);
    expect(textOf((await session.call('close')).message?.result)).toBe('closing');
    note(engine, 'a container without output is gone after', await gone(name));
    expect((await session.call('echo', { text: 'x' })).status).toBe(404);
  });

  it('that writes a line of 100 MB is ended, and the line fills no memory', async () => {
    const session = await open('long');
    const before = residentBytes(bridge.pid);
    const answer = await session.call('big', { bytes: 100_000_000 });
    expect(facts(answer)).toMatchObject({ reason: 'UPSTREAM_GARBLED' });
    expect(residentBytes(bridge.pid) - before).toBeLessThan(64 * 1024 ** 2);
  });
});

/** Calls that follow each other until the end, which says how many were answered as they should. */
function talk(session: RawSession): { end: () => Promise<number> } {
  const over = new AbortController();
  const talking = (async () => {
    let count = 0;
    for (; !over.signal.aborted; count++) {
      const text = `word ${count}`;
      expect(textOf((await session.call('echo', { text })).message?.result)).toBe(text);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return count;
  })();
  talking.catch(() => undefined);
  return {
    end: () => {
      over.abort();
      return talking;
    },
  };
}

/** A figure for whoever reads the run. */
function note(engine: string, what: string, ms: number): void {
  process.stderr.write(`    ${engine}: ${what} ${Math.round(ms)} ms\n`);
}
